import type { Activity, StudentId } from '../activity/activity.ts';
import type { Instant } from '../activity/instant.ts';
import { smallerUserId } from '../activity/learner.ts';
import { perSource, SOURCES, type Source } from '../activity/source.ts';
import type { Uuid } from '../activity/uuid.ts';
import { createStudentIndex, type StudentKeys, WORDS } from './student-index.ts';

/** The activities of a learner: the newest instant per source, the smallest spelling of the name. */
export type LearnerRow = Readonly<Record<Source, Instant | null>> & {
  readonly studentId: StudentId;
  readonly userId: string | null;
};

/** Learners as columns, numbered from 0, as statements take them. Valid until the fold is changed. */
export interface LearnerColumns {
  readonly size: number;
  readonly studentIds: StudentKeys;
  /** The platform's name of a learner; `undefined`: it is the text of the student id. */
  userId(learner: number): string | null | undefined;
  /** Absent if no learner has an instant of the source. {@link NEVER} is no instant. */
  readonly instants: Readonly<Partial<Record<Source, BigInt64Array>>>;
  readonly committedAt: BigInt64Array;
}

/** No instant: earlier than any. */
export const NEVER: Instant = -(2n ** 63n);

/**
 * Folds activities to one row per learner. Every step is a maximum or a minimum, so the rows do not depend on the order,
 * the repetition or the split of the activities over folds.
 *
 * A learner takes about 60 bytes outside of the heap, also if the name is the id, so a fold of many learners adds no work
 * for the garbage collector.
 */
export interface Fold {
  add(activity: Activity, committedAt?: Instant): void;
  addRow(row: LearnerRow): void;
  /** The number of learners. */
  readonly size: number;
  columns(): LearnerColumns;
  /** Removes all learners and keeps the memory. */
  clear(): void;
}

const UNKNOWN = 0;
/** The name is the text of the student id. */
const OWN = 1;
const TEXT = 2;

export function createFold(): Fold {
  const index = createStudentIndex();
  /** The name per learner: {@link UNKNOWN}, {@link OWN}, or {@link TEXT}, which is in `texts`. */
  let names = new Uint8Array(index.capacity);
  const texts = new Map<number, string>();
  /** Only sources seen since the last clear; the arrays of the others are kept in `unused`. */
  let instants: Partial<Record<Source, BigInt64Array>> = {};
  let unused: Partial<Record<Source, BigInt64Array>> = {};
  let committedAt = new BigInt64Array(index.capacity);

  function numberOf(studentId: StudentId | Uuid): number {
    const { size } = index;
    const learner = index.numberOf(studentId);
    if (learner < size) return learner;
    if (committedAt.length < index.capacity) grow();
    names[learner] = UNKNOWN;
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
    const more = new Uint8Array(index.capacity);
    more.set(names);
    names = more;
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

  function mergeName(learner: number, studentId: StudentId | Uuid, userId: string | Uuid | null): void {
    if (userId === null) return;
    const current = names[learner];
    if (userId === studentId && current !== TEXT) {
      names[learner] = OWN;
      return;
    }
    const text = current === TEXT ? (texts.get(learner) ?? null) : null;
    if (userId === text) return;
    const own = studentId.toString();
    const spelling = userId.toString();
    const smaller = smallerUserId(current === OWN ? own : text, spelling) ?? spelling;
    names[learner] = smaller === own ? OWN : TEXT;
    if (smaller === own) texts.delete(learner);
    else if (smaller !== text) texts.set(learner, smaller);
  }

  return {
    add({ studentId, userId, source, at }, commit) {
      const learner = numberOf(studentId);
      mergeName(learner, studentId, userId);
      raise(instants[source] ?? columnOf(source), learner, at);
      if (commit !== undefined) raise(committedAt, learner, commit);
    },
    addRow(row) {
      const learner = numberOf(row.studentId);
      mergeName(learner, row.studentId, row.userId);
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
      userId: (learner) => (names[learner] === OWN ? undefined : (texts.get(learner) ?? null)),
      instants,
      committedAt,
    }),
    clear() {
      index.clear();
      texts.clear();
      unused = { ...unused, ...instants };
      instants = {};
    },
  };
}

/** Splits the learners into parts of about the same size. */
export function splitLearners(learners: LearnerColumns, count: number): LearnerColumns[] {
  return Array.from({ length: count }, (_, part) => {
    const from = Math.floor((learners.size * part) / count);
    const to = Math.floor((learners.size * (part + 1)) / count);
    return sliceLearners(learners, from, to);
  });
}

/** The learners from number `from` to below `to`. */
export function sliceLearners(learners: LearnerColumns, from: number, to: number): LearnerColumns {
  const { studentIds, instants } = learners;
  return {
    size: to - from,
    studentIds: {
      words: studentIds.words.subarray(WORDS * from, WORDS * to),
      textOf: (learner) => studentIds.textOf(from + learner),
    },
    userId: (learner) => learners.userId(from + learner),
    instants: Object.fromEntries(
      Object.entries(instants).map(([source, column]) => [source, column.subarray(from, to)]),
    ),
    committedAt: learners.committedAt.subarray(from, to),
  };
}

/** One learner as a row. */
export function rowOf(learners: LearnerColumns, learner: number): LearnerRow {
  const studentId = learners.studentIds.textOf(learner);
  const userId = learners.userId(learner);
  return {
    studentId,
    userId: userId === undefined ? studentId : userId,
    ...perSource((source) => {
      const at = learners.instants[source]?.[learner] ?? NEVER;
      return at === NEVER ? null : at;
    }),
  };
}

/** The columns of rows that come from elsewhere. */
export function columnsOf(rows: readonly LearnerRow[]): LearnerColumns {
  const fold = createFold();
  for (const row of rows) fold.addRow(row);
  return fold.columns();
}

function raise(column: BigInt64Array, learner: number, at: Instant): void {
  if ((column[learner] ?? NEVER) < at) column[learner] = at;
}
