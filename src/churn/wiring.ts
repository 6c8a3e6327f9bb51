import type { Instant } from '../activity/instant.ts';
import { studentIdOf } from '../activity/learner.ts';
import type { CommandContext } from '../cli/run-command.ts';
import { readUserIds } from '../cli/user-file.ts';
import { trackedSources } from '../config/kafka-names.ts';
import { usageError } from '../runtime/errors.ts';
import type { TrackedSources } from './learner-days-pipeline.ts';

/** @throws LastseenError `usage` */
export function requireTime({ from, to }: { readonly from?: Instant; readonly to?: Instant }): {
  readonly from: Instant;
  readonly to: Instant;
} {
  if (from === undefined || to === undefined) throw usageError('--from and --to are needed: the time of the snapshots');
  if (from > to) throw usageError('--from is after --to');
  return { from, to };
}

export const USER_FILE = [
  '--user-file <file>',
  'only the learners in a file, one user_id per line; - is standard input',
] as const;

/** Which learners and sources, by the flags and the settings. @throws LastseenError `usage` */
export async function trackedSourcesOf(
  { settings }: CommandContext,
  { userFile }: { readonly userFile?: string },
): Promise<TrackedSources> {
  return {
    learners: userFile === undefined ? undefined : new Set((await readUserIds(userFile)).map(studentIdOf)),
    sources: trackedSources(settings),
    attemptSource: settings.ATTEMPT_SOURCE,
  };
}

/** @param days of snapshots that were left out */
export function warnIncomplete({ log }: CommandContext, days: number, horizonDays: number): void {
  if (days === 0) return;
  log.warn(
    { event: 'outcomes_incomplete', days },
    `the last ${days} days of snapshots were left out: the ${horizonDays} days after them are not over`,
  );
}
