import { neededColumns } from '../activity/activity-of.ts';
import type { Instant } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
import type { Settings } from '../config/settings.ts';
import { createDeadLetterWindow, type DeadLetterWindow } from '../dead-letters/dead-letter.ts';
import type { Registry } from '../registry/client.ts';
import { createDecoder } from '../registry/decoder.ts';
import type { CollectDeps } from './collect-pipeline.ts';

/** How records of these topics become activities, from the settings; `replay` and the backtest use the same. */
export function collectDeps(
  settings: Settings,
  registry: Registry,
  sourceOf: ReadonlyMap<string, Source>,
  now: () => Instant,
): CollectDeps & { readonly deadLetterLimit: DeadLetterWindow } {
  return {
    decoder: createDecoder({
      registry,
      neededColumns: (source) => neededColumns(source, settings.ATTEMPT_SOURCE),
    }),
    deadLetterLimit: createDeadLetterWindow(settings.DLQ_MAX_SHARE),
    sourceOf,
    now,
    policy: {
      attemptSource: settings.ATTEMPT_SOURCE,
      maxClockSkewUs: BigInt(Math.round(settings.MAX_CLOCK_SKEW * 1000)),
    },
  };
}
