import type { AnyStage, Outcome } from './fault.ts';
import { type Harness, openHarness } from './harness.ts';
import { type FaultResult, resultOf } from './table.ts';

export interface FaultRun {
  readonly stages: readonly AnyStage[];
  /** How often each fault is injected, by its name. */
  readonly times: ReadonlyMap<string, number>;
  /** Stacks side by side. */
  readonly jobs: number;
  readonly seed: number;
  readonly tell: (line: string) => void;
}

/** What one stack does at a stretch: one opening of a stage. */
interface Work {
  readonly stage: AnyStage;
  readonly times: ReadonlyMap<string, number>;
  /** So many injections of each of its faults are others' work, before these. */
  readonly before: number;
}

const MOST_IN_ONE_WORLD = 10;

export interface RunningFaults {
  /** Resolves when all that was asked for is injected. */
  readonly done: Promise<void>;
  /** What has come of it so far. */
  results(): readonly FaultResult[];
}

/** Injects all that is asked for; a stage that breaks down fails its faults and no others. */
export function startFaults(run: FaultRun): RunningFaults {
  const outcomes = new Map([...run.times.keys()].map((name) => [name, [] as Outcome[]]));
  const failures = new Map<string, string>();
  const waiting = divide(run);
  const worker = async () => {
    let harness: Harness | undefined;
    try {
      for (let work = waiting.shift(); work !== undefined; work = waiting.shift()) {
        harness ??= await openHarness({ seed: run.seed, onProgress: run.tell });
        const broken = await play(run, harness, work, outcomes, failures);
        // What a broken stage left in the servers must not be found by the next.
        if (broken) {
          await harness.close();
          harness = undefined;
        }
      }
    } finally {
      await harness?.close();
    }
  };
  return {
    done: Promise.all(Array.from({ length: run.jobs }, worker)).then(() => {}),
    results: () =>
      [...outcomes].map(([name, all]) => resultOf(name, all, failures.get(name) ?? missing(run, name, all))),
  };
}

function missing({ times }: FaultRun, name: string, outcomes: readonly Outcome[]): string | undefined {
  const wanted = times.get(name) ?? 0;
  return outcomes.length < wanted ? `injected ${outcomes.length} of ${wanted} times` : undefined;
}

/**
 * Many injections are dealt out fault by fault, a few at a time, so that whoever ends the run early has some of each;
 * else a stage is opened once for all of its faults.
 */
function divide({ stages, times }: FaultRun): Work[] {
  const most = Math.max(...times.values());
  if (most <= MOST_IN_ONE_WORLD) return stages.map((stage) => ({ stage, times, before: 0 }));
  const rounds = Math.ceil(most / MOST_IN_ONE_WORLD);
  return Array.from({ length: rounds }, (_, round) =>
    stages.flatMap((stage) =>
      stage.faults.flatMap(({ name }) => {
        const before = round * MOST_IN_ONE_WORLD;
        const left = (times.get(name) ?? 0) - before;
        return left > 0 ? [{ stage, times: new Map([[name, Math.min(MOST_IN_ONE_WORLD, left)]]), before }] : [];
      }),
    ),
  ).flat();
}

async function play(
  { tell }: FaultRun,
  harness: Harness,
  { stage, times, before }: Work,
  outcomes: ReadonlyMap<string, Outcome[]>,
  failures: Map<string, string>,
): Promise<boolean> {
  let current = '';
  try {
    await stage.play(harness, {
      times,
      starts(fault, n) {
        current = fault;
        harness.reseed(`${fault} ${before + n}`);
        tell(`${fault} ${n + 1} of ${times.get(fault)} …`);
      },
      ended(fault, outcome) {
        outcomes.get(fault)?.push(outcome);
        const { lost, wrong, duplicates, recoveryMs } = outcome;
        tell(`${fault}: lost ${lost}, wrong ${wrong}, duplicates ${duplicates}, right after ${recoveryMs} ms`);
      },
    });
    return false;
  } catch (error) {
    const why = (error as Error).message;
    tell(`${current} broke down: ${(error as Error).stack ?? why}`);
    for (const { name } of stage.faults) {
      if ((times.get(name) ?? 0) > 0 && (name === current || current === '')) failures.set(name, why);
    }
    return true;
  }
}
