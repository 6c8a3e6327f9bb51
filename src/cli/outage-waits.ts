import { isRetriable, LastseenError, safeMessage } from '../runtime/errors.ts';
import { retryOutages } from '../runtime/retries.ts';
import { withAbort } from '../runtime/waiting.ts';
import type { ConsumerState } from './probes.ts';
import type { CommandContext } from './run-command.ts';

/** Called before each wait for another service. */
export type OutageReporter = (error: Error, waitMs: number) => void;

/** Logs and counts each wait for another service. */
export function createOutageReporter({ log, metrics }: CommandContext): OutageReporter {
  return (error, waitMs) => {
    const { code } = error as { code?: string };
    metrics.outageWaits.inc({ code: code ?? 'unknown' });
    log.warn({ event: 'outage_waiting', code, waitMs, error: safeMessage(error) }, 'waiting for another service');
  };
}

/**
 * Runs work that must succeed before a consumer starts. With `waits` it waits for the end of outages and for pending
 * migrations; a run that reads up to an end fails instead, because a person waits for it.
 *
 * @throws LastseenError `stopped` when the process is asked to stop
 */
export function runBeforeStart<T>(
  context: CommandContext,
  state: ConsumerState,
  waits: boolean,
  work: () => Promise<T>,
): Promise<T> {
  if (!waits) return withAbort(context.stopping, work());
  const report = createStartReporter(context);
  const onOutage: OutageReporter = (error, waitMs) => {
    state.health.driverActed(performance.now());
    state.health.stagesActed(performance.now());
    state.blockedBy = safeMessage(error);
    report(error, waitMs);
  };
  const isOutage = (error: unknown) => isRetriable(error) || isNotMigrated(error);
  const started = retryOutages(work, { isOutage, onOutage, signal: context.stopping }).finally(() => {
    state.blockedBy = undefined;
  });
  return withAbort(context.stopping, started);
}

function isNotMigrated(error: unknown): boolean {
  return error instanceof LastseenError && error.code === 'not_migrated';
}

/** Logs each wait in an outage, but only the first wait for migrations, which a person has to run. */
function createStartReporter(context: CommandContext): OutageReporter {
  const report = createOutageReporter(context);
  let isLogged = false;
  return (error, waitMs) => {
    if (!isNotMigrated(error)) return report(error, waitMs);
    context.metrics.outageWaits.inc({ code: 'not_migrated' });
    if (!isLogged) context.log.warn({ event: 'migration_waiting' }, error.message);
    isLogged = true;
  };
}
