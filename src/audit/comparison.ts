import { smallerUserId } from '../activity/learner.ts';
import { perSource, SOURCES, type Source } from '../activity/source.ts';
import type { AuditedField, Comparison } from '../history/audit-counts.ts';
import type { LearnerRow } from '../last-seen/fold.ts';

/** Fields that neither side has are left out. */
export type Comparisons = ReadonlyMap<AuditedField, Comparison>;

/**
 * Compares a learner's row with the audited sources, field by field.
 *
 * @param expected the row by the audited sources; undefined: they do not have the learner.
 * @param stored the row in `user_last_seen`; undefined: there is none.
 */
export function compareLearner(
  expected: LearnerRow | undefined,
  stored: LearnerRow | undefined,
  audited: ReadonlySet<Source>,
): Comparisons {
  const comparisons = new Map<AuditedField, Comparison>();
  for (const source of audited) {
    const result = compareValues(expected?.[source] ?? null, stored?.[source] ?? null, (a, b) => a < b);
    if (result !== undefined) comparisons.set(source, result);
  }
  const name = compareValues(expected?.userId ?? null, stored?.userId ?? null, (a, b) => smallerUserId(a, b) !== a);
  // The name may come from a source that is not audited.
  if (name !== undefined && !(name === 'ahead' && hasOtherSource(stored, audited))) comparisons.set('user_id', name);
  return comparisons;
}

/** Whether the table lacks a value that `track` should have applied. A value that the sources lack is not drift. */
export function isDrift(comparisons: Comparisons): boolean {
  return hasComparison(comparisons, 'missing') || hasComparison(comparisons, 'behind');
}

export function hasComparison(comparisons: Comparisons, result: Comparison): boolean {
  for (const each of comparisons.values()) if (each === result) return true;
  return false;
}

/** The stored row with the fields of the audited sources replaced by what these sources have. */
export function replaceAuditedFields(
  expected: LearnerRow | undefined,
  stored: LearnerRow,
  audited: ReadonlySet<Source>,
): LearnerRow {
  const userId = expected?.userId ?? null;
  return {
    studentId: stored.studentId,
    userId: hasOtherSource(stored, audited) ? smallerUserId(stored.userId, userId) : userId,
    ...perSource((source) => (audited.has(source) ? (expected?.[source] ?? null) : stored[source])),
  };
}

function compareValues<T>(expected: T | null, stored: T | null, isLess: (a: T, b: T) => boolean) {
  if (expected === null) return stored === null ? undefined : 'ahead';
  if (stored === null) return 'missing';
  if (expected === stored) return 'equal';
  return isLess(stored, expected) ? 'behind' : 'ahead';
}

/** Whether the row has an instant of a source that is not audited. */
function hasOtherSource(stored: LearnerRow | undefined, audited: ReadonlySet<Source>): boolean {
  return SOURCES.some((source) => !audited.has(source) && stored?.[source] != null);
}
