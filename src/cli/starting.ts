import { isRetriable, LastseenError, safeMessage } from '../runtime/errors.ts';
import { retryOutages } from '../runtime/outages.ts';
import { withAbort } from '../runtime/timeouts.ts';
import { type Observation, tellOutage } from './observation.ts';
import type { CommandContext } from './run-command.ts';

/**
 * Runs work that must succeed before a consumer starts. A consumer that runs until it is stopped (`waits`) waits for the
 * end of outages and for pending migrations. A run with an end fails instead, because a person waits for it.
 *
 * @throws LastseenError `stopped` when the process is asked to stop
 */
export function starting<T>(
  context: CommandContext,
  observation: Observation,
  waits: boolean,
  work: () => Promise<T>,
): Promise<T> {
  if (!waits) return withAbort(context.stopping, work());
  const tell = tellWait(context);
  const onOutage = (error: Error, waitMs: number) => {
    observation.vitals.driverActed(performance.now());
    observation.vitals.stagesActed(performance.now());
    observation.hindrance = safeMessage(error);
    tell(error, waitMs);
  };
  const isOutage = (error: unknown) => isRetriable(error) || isNotMigrated(error);
  const begun = retryOutages(work, { isOutage, onOutage, impatient: context.stopping }).finally(() => {
    observation.hindrance = undefined;
  });
  return withAbort(context.stopping, begun);
}

function isNotMigrated(error: unknown): boolean {
  return error instanceof LastseenError && error.code === 'not_migrated';
}

/** Reports each wait in an outage, but only the first wait for migrations, which a person has to run. */
function tellWait(context: CommandContext): (error: Error, waitMs: number) => void {
  const tell = tellOutage(context);
  let told = false;
  return (error, waitMs) => {
    if (!isNotMigrated(error)) return tell(error, waitMs);
    context.metrics.outageWaits.inc({ code: 'not_migrated' });
    if (!told) context.log.warn({ event: 'migration_waiting' }, error.message);
    told = true;
  };
}
