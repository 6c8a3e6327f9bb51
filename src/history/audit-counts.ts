import { SOURCES } from '../activity/source.ts';

/** What of a learner's row is held against the sources. */
export const AUDITED = [...SOURCES, 'user_id'] as const;
export type Audited = (typeof AUDITED)[number];

/**
 * How the table stands to what the sources know: it holds nothing; less than they do; the same; more, which rows that
 * were deleted, or written since, make normal. Of two names the smaller is the more.
 */
export const STANDINGS = ['missing', 'behind', 'equal', 'ahead'] as const;
export type Standing = (typeof STANDINGS)[number];

/** Learners by how the table stands to the sources, a source and for their name. */
export type AuditCounts = Readonly<Partial<Record<Audited, Readonly<Record<Standing, number>>>>>;
