import type { Instant } from '../activity/instant.ts';
import { compareUtf8 } from '../activity/learner.ts';
import type { FigureChange } from './figure-change.ts';

/** What a list is sorted by. */
export const SORT_KEYS = ['days', 's', 'p', 'user'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export interface Sortable {
  readonly student_id: string;
  readonly user_id: string;
  readonly last_seen_at: Instant;
  readonly figures?: FigureChange | undefined;
}

/**
 * The order of a list: the longest silence, the highest S, the lowest P, or the smallest user id (by its UTF-8 bytes)
 * first. A figure that is null comes last. Equal ones are in the order of their student ids.
 */
export function comparator(key: SortKey): (a: Sortable, b: Sortable) => number {
  const compare = COMPARE[key];
  return (a, b) => compare(a, b) || (a.student_id < b.student_id ? -1 : 1);
}

const COMPARE: Readonly<Record<SortKey, (a: Sortable, b: Sortable) => number>> = {
  days: (a, b) => (a.last_seen_at === b.last_seen_at ? 0 : a.last_seen_at < b.last_seen_at ? -1 : 1),
  s: (a, b) => ascending(negative(a.figures?.S), negative(b.figures?.S)),
  p: (a, b) => ascending(a.figures?.P, b.figures?.P),
  user: (a, b) => compareUtf8(a.user_id, b.user_id),
};

const negative = (figure: number | null | undefined) => (figure == null ? null : -figure);

function ascending(a: number | null | undefined, b: number | null | undefined): number {
  if (a == null || b == null) return Number(a == null) - Number(b == null);
  return a - b;
}
