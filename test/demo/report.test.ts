import { describe, expect, test } from 'vitest';
import { parseInstant } from '../../src/activity/instant.ts';
import { perSource, SOURCES } from '../../src/activity/source.ts';
import { checksOf } from '../../stack/demo/checks.ts';
import { progressLine } from '../../stack/demo/lastseen-command.ts';
import { demoOptions, variantOf } from '../../stack/demo/options.ts';
import { publishedFor } from '../../stack/demo/published.ts';
import { histogram, page, pageJson } from '../../stack/demo/report.ts';
import type { DemoResult } from '../../stack/demo/result.ts';

const AS_OF = parseInstant('2014-01-06T23:59:59.999999Z') ?? 0n;
const SOURCE = { rows: 10, expectedRecords: 10, deliveredRecords: 10, outcomes: { applied: 10 } };
const EQUAL = { compared: 5, differing: 0 };

const RESULT: DemoResult = {
  origin: 'five learners',
  variant: [],
  asOf: AS_OF,
  thresholdDays: 7,
  lookbackDays: 31,
  learners: 13_529,
  tracked: 12_219,
  sources: perSource(() => SOURCE),
  sweep: {
    active: 9_000,
    inactive: 976,
    crossed: 970,
    ongoing: 0,
    unresolved: 6,
    doubtful: 0,
    undecidable: 0,
    published: 970,
  },
  recompute: { updated: 700, created: 270, unchanged: 0 },
  silence: [
    { days: 7, learners: 100 },
    { days: 9, learners: 1 },
  ],
  highestRisk: [
    { userId: 'u1', lastSeenAt: AS_OF - 864_000_000_000n, s: 0.875, previousS: 0.25, p: null, previousP: 0.5 },
    { userId: 'u2', lastSeenAt: AS_OF - 864_000_000_000n, s: 0.5, previousS: null, p: null, previousP: null },
  ],
  proof: {
    lastSeen: EQUAL,
    flagged: EQUAL,
    answers: EQUAL,
    foreignFigures: EQUAL,
    untouchedRows: EQUAL,
    eventsOfSecondSweep: 0,
    replay: { records: 10 * SOURCES.length, rowsChanged: 0 },
    digestBefore: 'ab'.repeat(32),
    digestAfter: 'ab'.repeat(32),
  },
  published: publishedFor({ asOf: AS_OF, thresholdDays: 7, lookbackDays: 31 }),
  timings: [{ step: 'Load', seconds: 1.25 }],
};

const failing = (change: Partial<DemoResult>) =>
  checksOf({ ...RESULT, ...change })
    .filter(({ passed }) => !passed)
    .map(({ name }) => name);

describe('the checks', () => {
  test('pass if everything agrees', () => {
    expect(failing({})).toEqual([]);
  });

  test.each([
    ['lastSeen', 'last seen of every learner'],
    ['flagged', 'the flagged learners are exactly those'],
    ['answers', 'every event led to'],
    ['foreignFigures', 'figures of other jobs'],
    ['untouchedRows', 'weekly rows of all other learners'],
  ] as const)('fail for one difference in %s, and if nothing was compared', (field, name) => {
    for (const comparison of [
      { compared: 5, differing: 1 },
      { compared: 0, differing: 0 },
    ]) {
      const failed = failing({ proof: { ...RESULT.proof, [field]: comparison } });
      expect(failed).toEqual([expect.stringContaining(name)]);
    }
  });

  test('fail for an event of a second sweep, a changed digest, and a wrong published figure', () => {
    expect(failing({ proof: { ...RESULT.proof, eventsOfSecondSweep: 1 } })).toHaveLength(1);
    expect(failing({ proof: { ...RESULT.proof, digestAfter: 'cd'.repeat(32) } })).toHaveLength(1);
    expect(failing({ sweep: { ...RESULT.sweep, inactive: 1_025 } })).toHaveLength(1);
  });

  test('fail for a missing record and for a dead letter', () => {
    const missing = { ...SOURCE, deliveredRecords: 9 };
    expect(failing({ sources: { ...RESULT.sources, session: missing } })).toContain(
      'every change in the source tables is a record in its topic',
    );
    const dead = { ...SOURCE, outcomes: { applied: 9, 'dead letter: bad_instant': 1 } };
    expect(failing({ sources: { ...RESULT.sources, session: dead } })).toEqual([
      'every record was read, and none is a dead letter',
    ]);
  });
});

test('the histogram has one row per day from the threshold to the lookback, and the largest count has the longest bar', () => {
  const lines = histogram(RESULT.silence, 7, 11).split('\n').slice(2);
  expect(lines).toEqual([`   7    100  ${'█'.repeat(50)}`, '   8      0', '   9      1  █', '  10      0']);
});

test('the report shows figures before and after, also unchanged ones', () => {
  const text = page(RESULT);
  expect(text).toMatch(/u1 .*10 +0\.250 → 0\.875 +0\.500 → 0\.500/);
  expect(text).toMatch(/u2 .*– → 0\.500 +– → –/);
  expect(text).toContain('All passed.');
  expect(text).toMatch(/2014-01-06 +7 +12,219 +12,219 +976 +976/);
});

test('the report names the proof and the place of own tables, if they are not the default', () => {
  const variant = variantOf({ proof: 'both', ownDatabase: true });
  expect(page({ ...RESULT, variant })).toMatch(
    /lookback 31 days\ndelivery is proven by the slot and .*\nown tables .*\n\n/,
  );
  expect(variantOf({ proof: 'slot', ownDatabase: false })).toEqual([]);
});

test('the report says why a sweep was held, if it was', () => {
  expect(page(RESULT)).not.toContain('Held, then approved');
  const held = { ...RESULT, sweep: { ...RESULT.sweep, heldBecause: '970 learners would cross' } };
  expect(page(held)).toContain('Held, then approved\n970 learners would cross.');
});

test('the report says for how many inactive learners no event was emitted, and why', () => {
  const text = page({ ...RESULT, sweep: { ...RESULT.sweep, crossed: 967, doubtful: 3 } });
  expect(text).toMatch(/inactive +976\n {2}crossed the threshold +967\n/);
  expect(text).toMatch(/unresolved \(known by student_id only\) +6\n {2}doubtful \(with an open dead letter\) +3\n/);
});

test('the JSON report has the overall result and instants in microseconds', () => {
  const read = JSON.parse(pageJson(RESULT)) as { passed: boolean; as_of: string };
  expect(read).toMatchObject({ passed: true, as_of: '2014-01-06T23:59:59.999999Z' });
});

test('published figures are compared only for their own window', () => {
  expect(publishedFor({ asOf: AS_OF, thresholdDays: 14, lookbackDays: 31 })?.flagged).toBe(372);
  expect(publishedFor({ asOf: AS_OF, thresholdDays: 7, lookbackDays: 30 })).toBeUndefined();
  expect(publishedFor({ asOf: AS_OF - 1n, thresholdDays: 7, lookbackDays: 31 })).toBeUndefined();
});

describe('the options', () => {
  const flags = { learners: 10, days: 20, seed: 1, threshold: 7, proof: 'slot' } as const;

  test('default to the published window with OULAD files', () => {
    expect(demoOptions({ ...flags, data: 'oulad' })).toMatchObject({ asOf: AS_OF, lookbackDays: 31 });
    expect(demoOptions(flags)).toMatchObject({ lookbackDays: 30, data: { kind: 'generated', learners: 10 } });
  });

  test('refuse a lookback that does not exceed the threshold', () => {
    expect(demoOptions({ ...flags, threshold: 30 })).toBe('--lookback 30 must exceed --threshold 30');
  });
});

test('a progress line of the log becomes a progress bar, other lines are ignored', () => {
  const line = '{"event":"progress_made","done":1200,"total":5000,"unit":"records","per_second":800}';
  expect(progressLine(line)).toBe(`${'█'.repeat(7)}${'░'.repeat(23)}  24 %  1,200 of 5,000 records, 800/s`);
  expect(progressLine('{"event":"batch_applied"}')).toBeUndefined();
  expect(progressLine('lastseen track: no')).toBeUndefined();
});
