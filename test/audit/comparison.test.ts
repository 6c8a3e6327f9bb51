import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StudentId } from '../../src/activity/activity.ts';
import { SOURCES, type Source } from '../../src/activity/source.ts';
import { asSourcesSay, isDrift, standingsOf } from '../../src/audit/comparison.ts';
import { createFold, type LearnerRow } from '../../src/last-seen/fold.ts';
import { rowsOf } from '../last-seen/rows-of.ts';

const studentId = '0195d2a0-abcd-7000-8000-00000000000f' as StudentId;
const ALL = new Set(SOURCES);
const instant = fc.option(fc.bigInt(1n, 4n), { nil: null });
const row: fc.Arbitrary<LearnerRow> = fc.record({
  studentId: fc.constant(studentId),
  userId: fc.constantFrom(null, 'A', 'a', 'b'),
  exam_results: instant,
  features_topic_daily: instant,
  attempt: instant,
  session: instant,
});
const side = fc.option(row, { nil: undefined });
const audited = fc.subarray([...SOURCES]).map((sources): ReadonlySet<Source> => new Set(sources));

/** What sources that are not asked know is not known. */
function knownBy(sources: ReadonlySet<Source>, known: LearnerRow | undefined): LearnerRow | undefined {
  if (known === undefined) return undefined;
  const others = SOURCES.filter((source) => !sources.has(source)).map((source) => [source, null]);
  return { ...known, ...Object.fromEntries(others) };
}

/** What the upsert makes of the row. */
function raised(stored: LearnerRow | undefined, known: LearnerRow | undefined): LearnerRow | undefined {
  const fold = createFold();
  for (const each of [stored, known]) {
    for (const source of SOURCES) {
      const at = each?.[source];
      if (each !== undefined && at != null) fold.add({ studentId, userId: each.userId, source, at });
    }
  }
  return rowsOf(fold.columns())[0];
}

describe('a learner’s standing', () => {
  it('is told a source, and in the name, of which the smaller is the more', () => {
    const known = { studentId, userId: 'a', exam_results: 2n, features_topic_daily: 2n, attempt: 2n, session: null };
    const stored = { studentId, userId: 'A', exam_results: 1n, features_topic_daily: 2n, attempt: null, session: 5n };
    expect(Object.fromEntries(standingsOf(known, stored, ALL))).toEqual({
      exam_results: 'behind',
      features_topic_daily: 'equal',
      attempt: 'missing',
      session: 'ahead',
      user_id: 'ahead',
    });
    expect(standingsOf(known, { ...stored, userId: 'b' }, ALL).get('user_id')).toBe('behind');
    expect(standingsOf(undefined, undefined, ALL).size).toBe(0);
  });

  it('is no drift any more once what is known is applied', () => {
    const seen = row.filter((known) => SOURCES.some((source) => known[source] !== null));
    fc.assert(
      fc.property(seen, side, (known, stored) => {
        expect(isDrift(standingsOf(known, raised(stored, known), ALL))).toBe(false);
      }),
    );
  });

  it('is equal in all that was asked about once the row is as the sources say', () => {
    fc.assert(
      fc.property(side, row, audited, (said, stored, sources) => {
        const known = knownBy(sources, said);
        const after = asSourcesSay(known, stored, sources);
        expect([...standingsOf(known, after, sources).values()].filter((standing) => standing !== 'equal')).toEqual([]);
        for (const source of SOURCES) if (!sources.has(source)) expect(after[source]).toBe(stored[source]);
      }),
    );
  });
});
