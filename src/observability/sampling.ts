import { setTimeout as sleep } from 'node:timers/promises';
import { safeMessage } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logging.ts';

/** Figures that take a question to Postgres or Kafka: asked now and then, shown at each scrape. */
export interface Sample {
  readonly name: string;
  /** @returns what sets the gauges to what was found. */
  take(): Promise<() => void>;
  /** Sets them to what is said of what is not known. */
  forget(): void;
}

const SAMPLE_EVERY_MS = 5_000;
/** What was found so long ago says nothing of now. */
const SAMPLE_LASTS_MS = 60_000;

/** Each sample is taken in a loop of its own: where one question hangs, the others go on. */
export function startSampling(
  { log, stopping }: { readonly log: Logger; readonly stopping: AbortSignal },
  samples: readonly Sample[],
): { show: () => void } {
  const found = new Map<Sample, { readonly atMs: number; readonly show: () => void }>();
  const loop = async (sample: Sample) => {
    while (!stopping.aborted) {
      try {
        const show = await sample.take();
        found.set(sample, { atMs: performance.now(), show });
      } catch (error) {
        log.debug({ event: 'sample_failed', sample: sample.name, error: safeMessage(error) }, 'not known');
      }
      await sleep(SAMPLE_EVERY_MS, undefined, { signal: stopping }).catch(() => {});
    }
  };
  for (const sample of samples) void loop(sample);
  return {
    show() {
      for (const sample of samples) {
        const newest = found.get(sample);
        if (newest === undefined || performance.now() - newest.atMs > SAMPLE_LASTS_MS) sample.forget();
        else newest.show();
      }
    },
  };
}
