import { describe, expect, it } from 'vitest';
import { MICROS_PER_DAY } from '../../src/activity/instant.ts';
import { freshness, type Observation, type SourceObservation } from '../../src/freshness/judgement.ts';

const DAY = MICROS_PER_DAY;
const now = 100n * DAY;
const session: SourceObservation = {
  source: 'session',
  topic: 'p.public.session',
  published: true,
  hasRows: true,
  partitions: [
    { partition: 0, end: 10n, applied: 10n, appliedBefore: 10n },
    { partition: 1, end: 0n, applied: undefined, appliedBefore: undefined },
  ],
  gaps: [],
  at: now,
  history: [],
};
const observed = (changes: Partial<SourceObservation> = {}, more: Partial<Observation> = {}) =>
  freshness({
    slot: { name: 'conn', kind: 'past' },
    publication: 'pub',
    sources: [{ ...session, ...changes }],
    ...more,
  });
const partitions = (end: bigint, applied: bigint | undefined, appliedBefore = applied) => ({
  partitions: [{ partition: 3, end, applied, appliedBefore }],
});
/** One sweep a day before now, the newest first, with so many records a day. */
const daily = (...records: bigint[]) => {
  let sum = 1_000n;
  return [0n, ...records].map((n, index) => {
    sum += n;
    return { at: now - BigInt(records.length + 1 - index) * DAY, records: sum };
  });
};
const quiet = (...records: bigint[]) => {
  const history = daily(...records);
  const end = history.at(-1)?.records ?? 0n;
  return { history, ...partitions(end, end) };
};

describe('fresh', () => {
  it('is what is applied to the end of every partition, empty ones included, with the records of each source', () => {
    expect(observed()).toEqual({ kind: 'fresh', ends: new Map([['session', 10n]]) });
  });
  it('is progress past the end that was waited for', () => {
    expect(observed(partitions(10n, 12n, 9n))).toMatchObject({ kind: 'fresh' });
  });
  it('is a source without a row and without a record', () => {
    expect(observed({ hasRows: false, ...partitions(0n, undefined) })).toMatchObject({ kind: 'fresh' });
  });
});

describe('not fresh', () => {
  it.each([
    [
      'a slot that is behind',
      {},
      { slot: { name: 'conn', kind: 'behind', bytes: 77n } as const },
      'behind',
      /slot conn has not passed the position to prove, 77 bytes behind/,
    ],
    ['no slot', {}, { slot: { name: 'conn', kind: 'missing' } as const }, 'broken', /no logical replication slot conn/],
    ['a slot that lost changes', {}, { slot: { name: 'conn', kind: 'lost' } as const }, 'broken', /has lost changes/],
    [
      'records not applied',
      partitions(10n, 7n),
      {},
      'behind',
      /session: p.public.session partition 3: 3 records behind/,
    ],
    ['records of which nothing is known', partitions(10n, undefined), {}, 'behind', /partition 3: nothing of 10/],
    [
      'an end below what was applied',
      partitions(4n, 7n),
      {},
      'broken',
      /topic re-created.* ends at 4, but 7 was applied/,
    ],
    ['an empty topic of which something was applied', partitions(0n, 7n), {}, 'broken', /topic re-created/],
    ['a topic that is not there', { partitions: [] }, {}, 'broken', /there is no topic p.public.session/],
    [
      'records that were removed before they were read',
      { gaps: [{ topic: 'p.public.session', partition: 3, kind: 'lost', fromOffset: 5n, toOffset: 9n }] },
      {},
      'broken',
      /^session: p.public.session partition 3: the records from offset 5 to below 9 were removed .*`lastseen audit --repair`/,
    ],
    ['a table out of the publication', { published: false }, {}, 'broken', /table session is not in publication pub/],
    ['rows without a record', partitions(0n, undefined), {}, 'broken', /its snapshot was not taken/],
  ] as const)('is %s', (_, changes, more, kind, reason) => {
    const verdict = observed(changes, more);
    expect(verdict).toEqual({ kind, reasons: [expect.stringMatching(reason)] });
  });

  it('names every source that is', () => {
    const other = { ...session, source: 'attempt', topic: 'p.public.attempt', ...partitions(5n, 1n) } as const;
    const verdict = observed({}, { sources: [{ ...session, ...partitions(3n, 2n) }, other] });
    expect(verdict).toMatchObject({ reasons: [/session/, /attempt/].map((name) => expect.stringMatching(name)) });
  });
});

describe('a source that fell silent', () => {
  it('is not fresh against a median above 20 a day', () => {
    const verdict = observed(quiet(30n, 30n, 30n, 2n, 30n, 0n, 30n));
    expect(verdict).toMatchObject({ kind: 'broken', reasons: [expect.stringMatching(/where 30 a day are usual/)] });
  });
  it.each([
    ['against 20 a day', quiet(20n, 20n, 20n, 20n, 20n, 20n, 20n)],
    ['against too little history', quiet(30n, 30n, 30n, 30n, 30n, 30n)],
    ['without history', quiet()],
  ])('is not judged %s', (_, changes) => {
    expect(observed(changes)).toMatchObject({ kind: 'fresh' });
  });
  it('is not judged by a sweep of the same morning', () => {
    const { history } = quiet(30n, 30n, 30n, 30n, 30n, 30n, 30n, 30n);
    const end = 5_000n;
    const again = [...history, { at: now - DAY / 100n, records: end }];
    expect(observed({ history: again, ...partitions(end, end) })).toMatchObject({ kind: 'fresh' });
  });
});
