import type { Instant } from '../activity/instant.ts';
import { type LearnerColumns, partsOf } from '../last-seen/fold.ts';
import { raiseLastSeen } from '../last-seen/raise-store.ts';
import type { Database, Queryable } from '../postgres/database.ts';
import { settleAll } from '../runtime/waiting.ts';
import { closeEpisodes } from '../sweep/returns-store.ts';

/** How many rows were inserted or changed, and how many learners returned. */
export interface Written {
  readonly changed: number;
  readonly returned: number;
}

export interface LearnerWrites {
  /** See `raiseLastSeen`. */
  readonly mostlyNews: boolean;
  /** For `detected_at` alone. */
  readonly now: () => Instant;
}

/**
 * Raises the learners' rows and records the returns that this means, then does the rest in the same transaction.
 *
 * Many learners go in two transactions side by side, half of them each, and the rest in a third that follows both:
 * nothing is read meanwhile that could be decoded beside it when a backlog is caught up. A row and its return are in one
 * transaction all the same; what was written stays where another part fails, and is written again to the same rows.
 */
export async function writeLearners<T>(
  database: Database,
  learners: LearnerColumns,
  { mostlyNews, now }: LearnerWrites,
  rest: (tx: Queryable) => Promise<T>,
): Promise<[Written, T]> {
  const write = async (tx: Queryable, part: LearnerColumns): Promise<Written> => {
    const changed = await raiseLastSeen(tx, part, mostlyNews);
    return { changed, returned: changed === 0 ? 0 : await closeEpisodes(tx, part, now()) };
  };
  if (learners.size < MANY) {
    return database.transaction(async (tx) => [await write(tx, learners), await rest(tx)]);
  }
  // Both are waited for, also where one fails: what follows must not meet the other's locks.
  const written = await settleAll(partsOf(learners, 2).map((half) => database.transaction((tx) => write(tx, half))));
  return [written.reduce(sum), await database.transaction(rest)];
}

/** From here a second connection is worth it: writing so many takes a tenth of a second. */
const MANY = 20_000;

const sum = (a: Written, b: Written): Written => ({
  changed: a.changed + b.changed,
  returned: a.returned + b.returned,
});
