import type { Instant } from '../activity/instant.ts';
import { type LearnerColumns, type LearnerRow, NEVER, rowOf, sliceLearners, splitLearners } from '../last-seen/fold.ts';
import { raiseLastSeen } from '../last-seen/raise-store.ts';
import { type Database, type Queryable, withSavepoint } from '../postgres/database.ts';
import { LastseenError } from '../runtime/errors.ts';
import { must } from '../runtime/must.ts';
import { isolateFailures } from '../runtime/retries.ts';
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
  writes: LearnerWrites,
  rest: (tx: Queryable) => Promise<T>,
): Promise<[Written, T]> {
  const write = writePart(writes);
  if (learners.size < MANY) {
    return database.transaction(async (tx) => [await write(tx, learners), await rest(tx)]);
  }
  // Waits for both even if one fails: a retry must not meet the locks of the other.
  const written = await settleAll(
    splitLearners(learners, 2).map((half) => database.transaction((tx) => write(tx, half))),
  );
  return [written.reduce(sum), await database.transaction(rest)];
}

function writePart({ mostRowsChange, now }: LearnerWrites) {
  return async (tx: Queryable, part: LearnerColumns): Promise<Written> => {
    const changed = await raiseLastSeen(tx, part, mostRowsChange);
    return { changed, returned: changed === 0 ? 0 : await closeEpisodes(tx, part, now()) };
  };
}

/** A learner whose row Postgres refuses. */
export interface RefusedLearner {
  readonly row: LearnerRow;
  /** Undefined if unknown. */
  readonly committedAt: Instant | undefined;
  readonly why: string;
}

export const refusal = (error: unknown): string | undefined =>
  error instanceof LastseenError && error.code === 'postgres_data' ? error.message : undefined;

/**
 * Does the same in one transaction, without the learners whose rows Postgres refuses: the learners are halved until each
 * of these is isolated.
 *
 * @param onRefused called for each; if it throws, nothing is kept.
 */
export function writeAcceptedLearners<T>(
  database: Database,
  learners: LearnerColumns,
  writes: LearnerWrites,
  onRefused: (refused: readonly RefusedLearner[]) => void,
  rest: (tx: Queryable, refused: readonly RefusedLearner[]) => Promise<T>,
): Promise<[Written, T]> {
  const write = writePart(writes);
  return database.transaction(async (tx) => {
    let written: Written = { changed: 0, returned: 0 };
    const refused: RefusedLearner[] = [];
    await isolateFailures(
      Array.from({ length: learners.size }, (_, learner) => learner),
      async (part) => {
        const first = must(part[0], 'parts are not empty');
        const done = await withSavepoint(tx, () => write(tx, sliceLearners(learners, first, first + part.length)));
        written = sum(written, done);
      },
      refusal,
      (learner, why) => {
        const committedAt = learners.committedAt[learner];
        refused.push({
          row: rowOf(learners, learner),
          committedAt: committedAt === NEVER ? undefined : committedAt,
          why,
        });
        onRefused(refused);
      },
    );
    return [written, await rest(tx, refused)];
  });
}

const sum = (a: Written, b: Written): Written => ({
  changed: a.changed + b.changed,
  returned: a.returned + b.returned,
});
