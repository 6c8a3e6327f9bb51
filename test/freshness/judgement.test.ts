import { describe, expect, it } from 'vitest';
import { MICROS_PER_DAY } from '../../src/activity/instant.ts';
import { type FreshnessEvidence, judgeFreshness, type SourceEvidence } from '../../src/freshness/judgement.ts';

const DAY = MICROS_PER_DAY;
const now = 100n * DAY;
const CAPTURE = {
  tables: ['public.session'],
  missingOperations: [],
  missingPartitions: [],
  rowFilters: [],
  hiddenColumns: [],
};
const session: SourceEvidence = {
  source: 'session',
  topic: 'p.public.session',
  capture: CAPTURE,
  hasRows: true,
  partitions: [
    { partition: 0, end: 10n, stable: 10n, applied: 10n, appliedBefore: 10n },
    { partition: 1, end: 0n, stable: 0n, applied: undefined, appliedBefore: undefined },
  ],
  gaps: [],
  unreadableLetters: 0n,
  at: now,
  history: [],
};
const judge = (changes: Partial<SourceEvidence> = {}, more: Partial<FreshnessEvidence> = {}) =>
  judgeFreshness({
    slot: { name: 'conn', kind: 'past' },
    publication: 'pub',
    drift: undefined,
    maxUnreadableLetters: 0,
    sources: [{ ...session, ...changes }],
    ...more,
  });
const partitions = (end: bigint, applied: bigint | undefined, appliedBefore = applied) => ({
  partitions: [{ partition: 3, end, stable: end, applied, appliedBefore }],
});
const hiddenFrom = (stable: bigint, applied: bigint) => ({
  partitions: [{ partition: 3, end: 10n, stable, applied, appliedBefore: applied }],
});
/** One sweep per day before now, with so many new records on each. */
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

describe('a source is fresh', () => {
  it('if it is applied up to the end of each partition, including empty ones', () => {
    expect(judge()).toEqual({ kind: 'fresh', ends: new Map([['session', 10n]]) });
  });
  it('if the progress is past the end that was waited for', () => {
    expect(judge(partitions(10n, 12n, 9n))).toMatchObject({ kind: 'fresh' });
  });
  it('if it has no row and no record', () => {
    expect(judge({ hasRows: false, ...partitions(0n, undefined) })).toMatchObject({ kind: 'fresh' });
  });
});

describe('a source is not fresh', () => {
  it.each([
    [
      'if the slot is behind',
      {},
      { slot: { name: 'conn', kind: 'behind', bytes: 77n, stillMs: 29_999 } as const },
      'behind',
      /slot conn has not passed the position to prove, 77 bytes behind$/,
    ],
    [
      'and names the heartbeat if the connected slot has not moved for 30 seconds',
      {},
      { slot: { name: 'conn', kind: 'behind', bytes: 77n, stillMs: 30_000 } as const },
      'behind',
      /77 bytes behind; idle source: set heartbeat.action.query, and publish the updates of its table$/,
    ],
    [
      'and names what of the connector does not run',
      {},
      {
        slot: { name: 'conn', kind: 'behind', bytes: 77n, stillMs: 0 } as const,
        notRunning: ['task 0 of conn is FAILED: java.io.IOException: full'],
      },
      'behind',
      /77 bytes behind; task 0 of conn is FAILED: java.io.IOException: full$/,
    ],
    [
      'if there is no slot',
      {},
      { slot: { name: 'conn', kind: 'missing' } as const },
      'broken',
      /no logical replication slot conn/,
    ],
    ['if the slot is lost', {}, { slot: { name: 'conn', kind: 'lost' } as const }, 'broken', /slot conn is lost/],
    [
      'if records are not applied',
      partitions(10n, 7n),
      {},
      'behind',
      /session: p.public.session partition 3: 3 records behind/,
    ],
    [
      'if an open transaction hides records, with the command that aborts it',
      hiddenFrom(7n, 7n),
      {},
      'behind',
      /session: p.public.session partition 3: an open transaction hides 3 records, from offset 7 on.*find-hanging --topic p.public.session --partition 3`.*abort --topic p.public.session --partition 3 --start-offset 7`/,
    ],
    ['if no progress is recorded', partitions(10n, undefined), {}, 'behind', /partition 3: no progress .* below 10$/],
    [
      'if a partition ends below its progress',
      partitions(4n, 7n),
      {},
      'broken',
      /topic recreated.* ends at 4, but 7 was applied/,
    ],
    ['if an empty partition has progress', partitions(0n, 7n), {}, 'broken', /topic recreated/],
    ['if its topic does not exist', { partitions: [] }, {}, 'broken', /there is no topic p.public.session/],
    [
      'if records were removed before they were read',
      { gaps: [{ topic: 'p.public.session', partition: 3, kind: 'lost', fromOffset: 5n, toOffset: 9n }] },
      {},
      'broken',
      /^session: p.public.session partition 3: the records from offset 5 to below 9 were removed .*`lastseen audit --repair`/,
    ],
    [
      'if its table is not in the publication',
      { capture: { ...CAPTURE, tables: [] } },
      {},
      'broken',
      /table session is not in publication pub/,
    ],
    [
      'if one of its partitions is not in the publication',
      { capture: { ...CAPTURE, tables: ['public.session_1'], missingPartitions: ['public.session_2'] } },
      {},
      'broken',
      /^session: partitions public.session_2 are not in publication pub/,
    ],
    [
      'if the publication filters its rows',
      { capture: { ...CAPTURE, rowFilters: ['public.session WHERE (org_id = 1)'] } },
      {},
      'broken',
      /^session: publication pub has the row filter public.session WHERE \(org_id = 1\)/,
    ],
    [
      'if the publication leaves out a column in use',
      { capture: { ...CAPTURE, hiddenColumns: ['public.session.ended_at'] } },
      {},
      'broken',
      /^session: publication pub leaves out the columns public.session.ended_at/,
    ],
    ['if it has rows but no record', partitions(0n, undefined), {}, 'broken', /its snapshot was not taken/],
  ] as const)('%s', (_, changes, more, kind, reason) => {
    const verdict = judge(changes, more);
    expect(verdict).toEqual({ kind, reasons: [expect.stringMatching(reason)] });
  });

  it('and each such source is a reason', () => {
    const other = { ...session, source: 'attempt', topic: 'p.public.attempt', ...partitions(5n, 1n) } as const;
    const verdict = judge({}, { sources: [{ ...session, ...partitions(3n, 2n) }, other] });
    expect(verdict).toMatchObject({ reasons: [/session/, /attempt/].map((name) => expect.stringMatching(name)) });
  });
});

describe('a source without new records', () => {
  it('is not fresh if its median is above 20 per day', () => {
    const verdict = judge(quiet(30n, 30n, 30n, 2n, 30n, 0n, 30n));
    expect(verdict).toMatchObject({ kind: 'broken', reasons: [expect.stringMatching(/; 30 per day are usual/)] });
  });
  it.each([
    ['if its median is 20 per day', quiet(20n, 20n, 20n, 20n, 20n, 20n, 20n)],
    ['if too few days are known', quiet(30n, 30n, 30n, 30n, 30n, 30n)],
    ['without history', quiet()],
  ])('is fresh %s', (_, changes) => {
    expect(judge(changes)).toMatchObject({ kind: 'fresh' });
  });
  it('is fresh if the last sweep was on the same morning', () => {
    const { history } = quiet(30n, 30n, 30n, 30n, 30n, 30n, 30n, 30n);
    const end = 5_000n;
    const again = [...history, { at: now - DAY / 100n, records: end }];
    expect(judge({ history: again, ...partitions(end, end) })).toMatchObject({ kind: 'fresh' });
  });
});

describe('what is known to be missing', () => {
  it('is not fresh if more dead letters than allowed name no readable learner', () => {
    expect(judge({ unreadableLetters: 2n }, { maxUnreadableLetters: 2 }).kind).toBe('fresh');
    expect(judge({ unreadableLetters: 3n }, { maxUnreadableLetters: 2 })).toEqual({
      kind: 'broken',
      reasons: [
        'session: dead letters name no readable learner (3; DLQ_UNREADABLE_MAX is 2), so records of p.public.session ' +
          'may be returns of any learner: run `lastseen audit --repair`',
      ],
    });
  });

  it('is not fresh if the newest audit left learners missing or behind', () => {
    const drift = { runId: 'r', snapshotAt: 0n, learners: 1n };
    expect(judge({}, { drift })).toMatchObject({
      kind: 'broken',
      reasons: [expect.stringContaining('(r, 1970-01-01T00:00:00.000000Z) left 1 learner missing or behind')],
    });
  });
});
