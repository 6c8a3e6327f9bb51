import { isRetriable } from '../runtime/errors.ts';
import { throughOutages } from '../runtime/outages.ts';
import { unlessAborted } from '../runtime/within.ts';
import { type Observation, tellOutage } from './observation.ts';
import type { CommandContext } from './process.ts';

/**
 * Work that must succeed before a consumer begins. One that is to run for ever waits for an outage to end, as it does
 * later; one that reads up to an end fails, since somebody waits for it.
 *
 * @throws LastseenError `stopped` as soon as the process is told to stop.
 */
export function starting<T>(
  context: CommandContext,
  { vitals }: Observation,
  waits: boolean,
  work: () => Promise<T>,
): Promise<T> {
  const tell = tellOutage(context);
  const onOutage = (error: Error, waitMs: number) => {
    vitals.driverActed(performance.now());
    vitals.stagesActed(performance.now());
    tell(error, waitMs);
  };
  const begun = waits ? throughOutages(work, { isOutage: isRetriable, onOutage, impatient: context.stopping }) : work();
  return unlessAborted(context.stopping, begun);
}
