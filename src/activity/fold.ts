import type { Activity, StudentId } from './activity.ts';
import type { Instant } from './instant.ts';
import { smallerUserId } from './learner.ts';
import { SOURCES, type Source } from './source.ts';
import { createStudentIndex, type StudentKeys } from './student-index.ts';
import type { Uuid } from './uuid.ts';

/** What many activities say of one learner: the newest instant of each source, the smallest spelling of the name. */
export type LearnerRow = Readonly<Record<Source, Instant | null>> & {
  readonly studentId: StudentId;
  readonly userId: string | null;
};

/** Learners column by column, numbered from 0: what a statement is given. Valid until the fold is changed. */
export interface LearnerColumns {
  readonly size: number;
  readonly studentIds: StudentKeys;
  /** The platform's name of a learner; `undefined`: it is the student id's own text. */
  userId(learner: number): string | null | undefined;
  /** Absent: no learner has an instant of the source. {@link NEVER} stands for none. */
  readonly instants: Readonly<Partial<Record<Source, BigInt64Array>>>;
  readonly committedAt: BigInt64Array;
}

/** Stands for no instant: earlier than any. */
export const NEVER: Instant = -(2n ** 63n);

/**
 * Folds activities to one row a learner. Every step is a maximum or a minimum, so neither order nor repetition nor
 * the way the activities are split over folds changes the rows.
 *
 * A learner takes some 60 bytes outside of the heap, and an id that is the learner's name takes no more: while it folds
 * hundreds of thousands of records a second, nothing is left for a collector to look at.
 */
export interface Fold {
  add(activity: Activity, committedAt?: Instant): void;
  addRow(row: LearnerRow): void;
  /** How many learners it holds. */
  readonly size: number;
  columns(): LearnerColumns;
  /** Forgets all, and keeps the room. */
  clear(): void;
}

export function createFold(): Fold {
  const index = createStudentIndex();
  let userIds: (string | null | undefined)[] = [];
  /** Of sources that were seen since the fold was cleared; the others keep their room apart. */
  let instants: Partial<Record<Source, BigInt64Array>> = {};
  let unused: Partial<Record<Source, BigInt64Array>> = {};
  let committedAt = new BigInt64Array(index.capacity);

  function numberOf(studentId: StudentId | Uuid): number {
    const known = index.size;
    const learner = index.numberOf(studentId);
    if (learner < known) return learner;
    if (committedAt.length < index.capacity) grow();
    userIds.push(null);
    committedAt[learner] = NEVER;
    for (const column of Object.values(instants)) column[learner] = NEVER;
    return learner;
  }

  function grow(): void {
    const larger = (column: BigInt64Array) => {
      const copy = new BigInt64Array(index.capacity);
      copy.set(column);
      return copy;
    };
    committedAt = larger(committedAt);
    for (const source of SOURCES) {
      const column = instants[source];
      if (column !== undefined) instants[source] = larger(column);
    }
  }

  function columnOf(source: Source): BigInt64Array {
    const kept = unused[source];
    const column = kept !== undefined && kept.length >= index.capacity ? kept : new BigInt64Array(index.capacity);
    instants[source] = column.fill(NEVER, 0, index.size);
    return column;
  }

  function name(learner: number, studentId: StudentId | Uuid, userId: string | Uuid | null): void {
    if (userId === null) return;
    const before = userIds[learner];
    if (userId === studentId && typeof before !== 'string') {
      if (before === null) userIds[learner] = undefined;
      return;
    }
    const own = studentId.toString();
    const smaller = smallerUserId(before === undefined ? own : before, userId.toString());
    userIds[learner] = smaller === own ? undefined : smaller;
  }

  return {
    add({ studentId, userId, source, at }, commit) {
      const learner = numberOf(studentId);
      name(learner, studentId, userId);
      raise(instants[source] ?? columnOf(source), learner, at);
      if (commit !== undefined) raise(committedAt, learner, commit);
    },
    addRow(row) {
      const learner = numberOf(row.studentId);
      name(learner, row.studentId, row.userId);
      for (const source of SOURCES) {
        const at = row[source];
        if (at !== null) raise(instants[source] ?? columnOf(source), learner, at);
      }
    },
    get size() {
      return index.size;
    },
    columns: () => ({
      size: index.size,
      studentIds: index,
      userId: (learner) => userIds[learner],
      instants,
      committedAt,
    }),
    clear() {
      index.clear();
      userIds = [];
      unused = { ...unused, ...instants };
      instants = {};
    },
  };
}

/** Rows that were not folded here. */
export function columnsOf(rows: readonly LearnerRow[]): LearnerColumns {
  const fold = createFold();
  for (const row of rows) fold.addRow(row);
  return fold.columns();
}

function raise(column: BigInt64Array, learner: number, at: Instant): void {
  if ((column[learner] ?? NEVER) < at) column[learner] = at;
}
