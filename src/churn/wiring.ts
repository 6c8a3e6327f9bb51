import type { Instant } from '../activity/instant.ts';
import type { CommandContext } from '../cli/run-command.ts';
import { usageError } from '../runtime/errors.ts';

/** @throws LastseenError `usage` */
export function requireTime({ from, to }: { readonly from?: Instant; readonly to?: Instant }): {
  readonly from: Instant;
  readonly to: Instant;
} {
  if (from === undefined || to === undefined) throw usageError('--from and --to are needed: the time of the snapshots');
  if (from > to) throw usageError('--from is after --to');
  return { from, to };
}

/** @param days of snapshots that were left out */
export function warnIncomplete({ log }: CommandContext, days: number, horizonDays: number): void {
  if (days === 0) return;
  log.warn(
    { event: 'outcomes_incomplete', days },
    `the last ${days} days of snapshots were left out: the ${horizonDays} days after them are not over`,
  );
}
