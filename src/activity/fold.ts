import type { Activity, StudentId } from './activity.ts';
import type { Instant } from './instant.ts';
import { smallerUserId } from './learner.ts';
import type { Source } from './source.ts';

/** What many activities say of one learner: the newest instant of each source, the smallest spelling of the name. */
export type LearnerRow = Readonly<Record<Source, Instant | null>> & {
  readonly studentId: StudentId;
  readonly userId: string | null;
};

/** What was folded of a learner, and when the newest of their changes was committed; null: nobody said. */
export type FoldedLearner = LearnerRow & { readonly committedAt: Instant | null };

/**
 * Folds activities to one row a learner. Every step is a maximum or a minimum, so neither order nor repetition nor
 * the way the activities are split over folds changes the rows.
 */
export interface Fold {
  add(activity: Activity, committedAt?: Instant): void;
  merge(other: Fold): void;
  /** How many learners it holds. */
  readonly size: number;
  /** In no order. */
  rows(): FoldedLearner[];
}

type OpenRow = { -readonly [K in keyof FoldedLearner]: FoldedLearner[K] };

export function createFold(): Fold {
  const byStudent = new Map<StudentId, OpenRow>();

  function rowOf(studentId: StudentId): OpenRow {
    const known = byStudent.get(studentId);
    if (known !== undefined) return known;
    const row = {
      studentId,
      userId: null,
      exam_results: null,
      features_topic_daily: null,
      attempt: null,
      session: null,
      committedAt: null,
    };
    byStudent.set(studentId, row);
    return row;
  }

  return {
    add({ studentId, userId, source, at }, committedAt) {
      const row = rowOf(studentId);
      if (committedAt !== undefined) row.committedAt = later(row.committedAt, committedAt);
      if (row.userId !== userId) row.userId = smallerUserId(row.userId, userId);
      row[source] = later(row[source], at);
    },
    merge(other) {
      for (const theirs of other.rows()) {
        const row = rowOf(theirs.studentId);
        row.userId = smallerUserId(row.userId, theirs.userId);
        row.exam_results = later(row.exam_results, theirs.exam_results);
        row.features_topic_daily = later(row.features_topic_daily, theirs.features_topic_daily);
        row.attempt = later(row.attempt, theirs.attempt);
        row.session = later(row.session, theirs.session);
        row.committedAt = later(row.committedAt, theirs.committedAt);
      }
    },
    get size() {
      return byStudent.size;
    },
    rows: () => Array.from(byStudent.values()),
  };
}

function later(a: Instant | null, b: Instant | null): Instant | null {
  if (a === null || b === null) return a ?? b;
  return a >= b ? a : b;
}
