import { isRetriable, LastseenError, safeMessage } from '../runtime/errors.ts';
import { retryOutages } from '../runtime/retries.ts';
import { withAbort } from '../runtime/waiting.ts';
import type { ConsumerState } from './probes.ts';
import type { CommandContext } from './run-command.ts';

interface OutageReporter {
  /** Called before each wait for another service. */
  onOutage(error: Error, waitMs: number): void;
  /** Called when it answers again, with the last error. */
  onEnded(error: Error): void;
}

/** Logs and counts waits for other services. */
export function createOutageReporter({ outages, metrics }: CommandContext): OutageReporter {
  return {
    onOutage(error) {
      const code = codeOf(error);
      metrics.outageWaits.inc({ code });
      outages.failed(code, safeMessage(error));
    },
    onEnded: (error) => outages.answered(codeOf(error)),
  };
}

function codeOf(error: Error): string {
  return (error as { code?: string }).code ?? 'unknown';
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
  const onOutage: OutageReporter['onOutage'] = (error, waitMs) => {
    state.health.driverActed(performance.now());
    state.health.stagesActed(performance.now());
    state.blockedBy = safeMessage(error);
    report.onOutage(error, waitMs);
  };
  const isOutage = (error: unknown) => isRetriable(error) || isNotMigrated(error);
  const { onEnded } = report;
  const started = retryOutages(work, { isOutage, onOutage, onEnded, signal: context.stopping }).finally(() => {
    state.blockedBy = undefined;
  });
  return withAbort(context.stopping, started);
}

function isNotMigrated(error: unknown): boolean {
  return error instanceof LastseenError && error.code === 'not_migrated';
}

/** Logs only the first wait for migrations, which a person has to run. */
function createStartReporter(context: CommandContext): OutageReporter {
  const report = createOutageReporter(context);
  let isLogged = false;
  return {
    ...report,
    onOutage(error, waitMs) {
      if (!isNotMigrated(error)) return report.onOutage(error, waitMs);
      context.metrics.outageWaits.inc({ code: 'not_migrated' });
      if (!isLogged) context.log.warn({ event: 'migration_waiting' }, error.message);
      isLogged = true;
    },
  };
}
