import { safeMessage } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logging.ts';
import { pause } from '../runtime/retries.ts';

/** Metrics that are read from Postgres or Kafka at an interval, and shown at each scrape. */
export interface Sample {
  readonly name: string;
  /** Reads the values. @returns a function that sets the gauges to them. */
  take(): Promise<() => void>;
  /** Sets the gauges to unknown: usually absent. */
  forget(): void;
}

const SAMPLE_EVERY_MS = 5_000;
/** An older value is unknown. */
const SAMPLE_LASTS_MS = 60_000;

/** Takes each sample in its own loop: if one query hangs, the others continue. */
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
        log.debug({ event: 'sample_failed', sample: sample.name, error: safeMessage(error) }, 'could not be sampled');
      }
      await pause(SAMPLE_EVERY_MS, stopping);
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
