import type { RunningStack } from '../stack.ts';
import { type Live, startLive } from './live.ts';
import type { DemoOptions } from './options.ts';
import type { DemoResult } from './result.ts';
import { environmentOf } from './run.ts';
import type { Steps } from './steps.ts';
import { runTour, type Station, tour, tourPage } from './tour.ts';

interface Kept {
  readonly stack: RunningStack;
  readonly options: DemoOptions;
  readonly result: DemoResult;
  readonly steps: Steps;
  readonly signal: AbortSignal;
}

/** Starts `track` and `recompute` on the stack, and runs the tour, or prints it and waits for the signal. */
export async function keepRunning(
  { stack, options, result, steps, signal }: Kept,
  { tour: runsTour = false, keep = false }: { readonly tour?: boolean; readonly keep?: boolean },
): Promise<void> {
  const environment = environmentOfTour(stack, options);
  const stations = stationsOf(result);
  const live = await steps.run('Start track and recompute', () => startLive(stack, environment));
  try {
    if (runsTour) await runTour(stations, environment, signal);
    if (!keep) return;
    console.error(keptPage({ stack, environment, live, stations }));
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  } finally {
    await live.stop();
  }
}

const DEFAULT_DAYS = { threshold: 7, lookback: 30 };

/** What the commands of the tour, `track` and `recompute` need to agree with the sweep of the demo. */
function environmentOfTour(stack: RunningStack, options: DemoOptions): Readonly<Record<string, string>> {
  const { thresholdDays, lookbackDays } = options;
  return {
    ...environmentOf(stack, options),
    CONNECT_URL: stack.addresses.connectUrl,
    ...(thresholdDays === DEFAULT_DAYS.threshold ? {} : { INACTIVITY_THRESHOLD_DAYS: String(thresholdDays) }),
    ...(lookbackDays === DEFAULT_DAYS.lookback ? {} : { KPI_LOOKBACK_DAYS: String(lookbackDays) }),
  };
}

/** Without a flagged learner there is nobody to follow. */
function stationsOf({ asOf, highestRisk }: DemoResult): readonly Station[] {
  const [learner] = highestRisk;
  return learner === undefined ? [] : tour({ asOf, userId: learner.userId });
}

interface Page {
  readonly stack: RunningStack;
  readonly environment: Readonly<Record<string, string>>;
  readonly live: Live;
  readonly stations: readonly Station[];
}

function keptPage({ stack, environment, live, stations }: Page): string {
  return [
    'All servers, `track` and `recompute` are running. To use them from another terminal:\n',
    ...Object.entries(environment).map(([name, value]) => `export ${name}='${value}'`),
    `\n${tourPage(stations)}\n`,
    ...live.pages.map(({ name, url }) => `${name}: ${url}/metrics`),
    `Logs are in ${stack.runDir}/logs. Ctrl-C stops all of it.`,
  ].join('\n');
}
