import type { Instant } from '../activity/instant.ts';
import { type LearnerColumns, splitLearners } from '../last-seen/fold.ts';
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
  readonly mostRowsChange: boolean;
  /** Used only for `detected_at`. */
  readonly now: () => Instant;
}

/** From here on a second connection pays off: writing so many takes a tenth of a second. */
const MANY = 20_000;

/**
 * Raises the learners' rows and records their returns, then runs `rest` in the same transaction.
 *
 * {@link MANY} learners and more are written in two transactions at the same time, half of them each, and `rest` runs in a
 * third after both. A row and its return are always in one transaction. If another part fails, the written rows stay, and a
 * retry writes the same values again.
 */
export async function writeLearners<T>(
  database: Database,
  learners: LearnerColumns,
  { mostRowsChange, now }: LearnerWrites,
  rest: (tx: Queryable) => Promise<T>,
): Promise<[Written, T]> {
  const write = async (tx: Queryable, part: LearnerColumns): Promise<Written> => {
    const changed = await raiseLastSeen(tx, part, mostRowsChange);
    return { changed, returned: changed === 0 ? 0 : await closeEpisodes(tx, part, now()) };
  };
  if (learners.size < MANY) {
    return database.transaction(async (tx) => [await write(tx, learners), await rest(tx)]);
  }
  // Waits for both even if one fails: a retry must not meet the locks of the other.
  const written = await settleAll(
    splitLearners(learners, 2).map((half) => database.transaction((tx) => write(tx, half))),
  );
  return [written.reduce(sum), await database.transaction(rest)];
}

const sum = (a: Written, b: Written): Written => ({
  changed: a.changed + b.changed,
  returned: a.returned + b.returned,
});
