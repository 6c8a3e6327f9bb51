import { SOURCES } from '../activity/source.ts';

/** The fields of a learner's row that an audit compares with the sources. */
export const AUDITED_FIELDS = [...SOURCES, 'user_id'] as const;
export type AuditedField = (typeof AUDITED_FIELDS)[number];

/**
 * The table compared with the sources, for one learner and field: the table has no value; a smaller one; the same; or a
 * larger one, which is normal after the source row was deleted, or if `track` applied a change after the snapshot. Of
 * two names, the table should have the smaller, so `behind` means a larger name and `ahead` a smaller one.
 */
export const COMPARISONS = ['missing', 'behind', 'equal', 'ahead'] as const;
export type Comparison = (typeof COMPARISONS)[number];

/** Learners per field and result of the comparison. */
export type AuditCounts = Readonly<Partial<Record<AuditedField, Readonly<Record<Comparison, number>>>>>;
