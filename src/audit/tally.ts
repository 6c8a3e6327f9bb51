import type { StudentId } from '../activity/activity.ts';
import type { Instant } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
import { AUDITED_FIELDS, type AuditedField, COMPARISONS, type Comparison } from '../history/audit-counts.ts';
import type { LearnerRow } from '../last-seen/fold.ts';
import { type Comparisons, isDrift } from './comparison.ts';

/** A learner with both sides: the row by the audited sources, and the row in `user_last_seen`. */
export interface ComparedLearner {
  readonly studentId: StudentId;
  /** Undefined: the audited sources do not have the learner. */
  readonly expected: LearnerRow | undefined;
  readonly stored: LearnerRow | undefined;
  readonly comparisons: Comparisons;
}

/** A learner whose field differs, as an example for the report. */
export interface Sample {
  readonly studentId: StudentId;
  readonly field: AuditedField;
  readonly comparison: Exclude<Comparison, 'equal'>;
  readonly stored: Instant | string | null;
  readonly expected: Instant | string | null;
}

/** @param maxSamples per field and result of the comparison. */
export function createTally(sources: ReadonlySet<Source>, maxSamples: number) {
  const zeros = () => Object.fromEntries(COMPARISONS.map((each) => [each, 0])) as Record<Comparison, number>;
  const fields = AUDITED_FIELDS.filter((field) => field === 'user_id' || sources.has(field));
  const counts = Object.fromEntries(fields.map((field) => [field, zeros()])) as Record<
    AuditedField,
    Record<Comparison, number>
  >;
  const samples: Sample[] = [];
  let learners = 0;
  let drifting = 0;
  return {
    learners: () => learners,
    /** @returns whether a field differs. */
    add({ studentId, expected, stored, comparisons }: ComparedLearner): boolean {
      learners += 1;
      if (isDrift(comparisons)) drifting += 1;
      let isDifferent = false;
      for (const [field, comparison] of comparisons) {
        counts[field][comparison] += 1;
        if (comparison === 'equal') continue;
        isDifferent = true;
        if (counts[field][comparison] > maxSamples) continue;
        const values = { stored: fieldValue(stored, field), expected: fieldValue(expected, field) };
        samples.push({ studentId, field, comparison, ...values });
      }
      return isDifferent;
    },
    result: () => ({ learners, drifting, counts, samples }),
  };
}

function fieldValue(row: LearnerRow | undefined, field: AuditedField): Instant | string | null {
  return (field === 'user_id' ? row?.userId : row?.[field]) ?? null;
}
