import { formatInstant } from '../../src/activity/instant.ts';
import type { Window } from './proof.ts';

/** Figures published with the OULAD files: events replayed up to the end of a day, both ends of the window included. */
export interface PublishedFigures {
  readonly date: string;
  readonly thresholdDays: number;
  readonly seen: number;
  readonly flagged: number;
}

export const PUBLISHED: readonly PublishedFigures[] = [
  { date: '2013-03-15', thresholdDays: 7, seen: 4_245, flagged: 801 },
  { date: '2013-03-15', thresholdDays: 14, seen: 4_245, flagged: 409 },
  { date: '2013-06-01', thresholdDays: 7, seen: 4_259, flagged: 728 },
  { date: '2013-06-01', thresholdDays: 14, seen: 4_259, flagged: 429 },
  { date: '2014-01-06', thresholdDays: 7, seen: 12_219, flagged: 976 },
  { date: '2014-01-06', thresholdDays: 14, seen: 12_219, flagged: 372 },
];

/** The published window includes the day `as_of - 30`. As a half-open window at the end of a day that is 31 days. */
const PUBLISHED_LOOKBACK_DAYS = 31;

/** The published figures for the window of a run; undefined if there are none. */
export function publishedFor(window: Window): PublishedFigures | undefined {
  if (window.lookbackDays !== PUBLISHED_LOOKBACK_DAYS) return undefined;
  const asOf = formatInstant(window.asOf);
  return PUBLISHED.find(
    ({ date, thresholdDays }) => asOf === `${date}T23:59:59.999999Z` && thresholdDays === window.thresholdDays,
  );
}
