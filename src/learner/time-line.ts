import type { Instant } from '../activity/instant.ts';
import { SOURCES } from '../activity/source.ts';
import type { Explanation } from './explain-pipeline.ts';

type Moment = Partial<Explanation['events'][number] & Explanation['answers'][number]> & {
  readonly at: Instant;
  readonly what: 'SEEN' | Explanation['events'][number]['phase'] | 'ANSWERED';
  readonly source?: string;
};

/**
 * What happened to a learner, oldest first: the newest activity of each source, by last seen and by the source tables, the
 * inactivity events, and the answers to them, both at their as-of. At one instant an answer follows its event.
 */
export function timeLine({ lastSeen: { inTable, inSources }, events, answers }: Explanation): readonly Moment[] {
  const seen = SOURCES.flatMap((source) => {
    const instants = new Set([inTable?.bySource[source], inSources.bySource[source]]);
    return [...instants].flatMap((at) => (at == null ? [] : [{ at, what: 'SEEN' as const, source }]));
  });
  const moments = [
    ...seen,
    ...events.toReversed().map((event) => ({ ...event, at: event.asOf, what: event.phase })),
    ...answers.toReversed().map((answer) => ({
      ...answer,
      at: answer.asOf,
      what: 'ANSWERED' as const,
      eventId: answer.causeEventId,
    })),
  ];
  return moments.toSorted((a, b) => (a.at === b.at ? 0 : a.at < b.at ? -1 : 1));
}
