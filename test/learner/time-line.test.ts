import { expect, it } from 'vitest';
import { perSource } from '../../src/activity/source.ts';
import type { Explanation } from '../../src/learner/explain-pipeline.ts';
import { timeLine } from '../../src/learner/time-line.ts';

it('shows an instant of last seen and of the source tables once, and both if they differ', () => {
  const bySource = perSource(() => null);
  const explanation = {
    lastSeen: {
      inTable: { bySource: { ...bySource, session: 5n, attempt: 9n } },
      inSources: { bySource: { ...bySource, session: 5n, attempt: 7n } },
    },
    // Newest first, as they are read.
    events: [
      { phase: 'RETURNED', asOf: 9n },
      { phase: 'CROSSED', asOf: 8n },
    ],
    answers: [
      { asOf: 9n, causeEventId: 'r' },
      { asOf: 8n, causeEventId: 'c' },
    ],
  } as unknown as Explanation;
  expect(timeLine(explanation).map(({ at, what, source, eventId }) => [at, what, source ?? eventId])).toEqual([
    [5n, 'SEEN', 'session'],
    [7n, 'SEEN', 'attempt'],
    [8n, 'CROSSED', undefined],
    [8n, 'ANSWERED', 'c'],
    [9n, 'SEEN', 'attempt'],
    [9n, 'RETURNED', undefined],
    [9n, 'ANSWERED', 'r'],
  ]);
});
