import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StudentId } from '../../src/activity/activity.ts';
import { perSource, SOURCES, type Source } from '../../src/activity/source.ts';
import { compareLearner, isDrift, replaceAuditedFields } from '../../src/audit/comparison.ts';
import { createFold, type LearnerRow } from '../../src/last-seen/fold.ts';
import { rowsOf } from '../last-seen/rows-of.ts';

const studentId = '0195d2a0-abcd-7000-8000-00000000000f' as StudentId;
const ALL = new Set(SOURCES);
const NONE = perSource(() => null);
const instant = fc.option(fc.bigInt(1n, 4n), { nil: null });
const row: fc.Arbitrary<LearnerRow> = fc.record({
  studentId: fc.constant(studentId),
  userId: fc.constantFrom(null, 'A', 'a', 'b'),
  ...perSource(() => instant),
});
const side = fc.option(row, { nil: undefined });
const audited = fc.subarray([...SOURCES]).map((sources): ReadonlySet<Source> => new Set(sources));

/** The row without the sources that are not audited. */
function onlySources(sources: ReadonlySet<Source>, row: LearnerRow | undefined): LearnerRow | undefined {
  if (row === undefined) return undefined;
  const others = SOURCES.filter((source) => !sources.has(source)).map((source) => [source, null]);
  return { ...row, ...Object.fromEntries(others) };
}

/** The stored row after the upsert of the expected row. */
function raised(stored: LearnerRow | undefined, expected: LearnerRow | undefined): LearnerRow | undefined {
  const fold = createFold();
  for (const each of [stored, expected]) {
    for (const source of SOURCES) {
      const at = each?.[source];
      if (each !== undefined && at != null) fold.add({ studentId, userId: each.userId, source, at });
    }
  }
  return rowsOf(fold.columns())[0];
}

describe('comparing a learner', () => {
  it('gives one result per source and one for the name, of which the smaller counts as newer', () => {
    const expected = { studentId, userId: 'a', ...NONE, exam_results: 2n, features_topic_daily: 2n, attempt: 2n };
    const stored = { studentId, userId: 'A', ...NONE, exam_results: 1n, features_topic_daily: 2n, session: 5n };
    expect(Object.fromEntries(compareLearner(expected, stored, ALL))).toEqual({
      exam_results: 'behind',
      features_topic_daily: 'equal',
      attempt: 'missing',
      session: 'ahead',
      user_id: 'ahead',
    });
    expect(compareLearner(expected, { ...stored, userId: 'b' }, ALL).get('user_id')).toBe('behind');
    expect(compareLearner(undefined, undefined, ALL).size).toBe(0);
  });

  it('finds no drift after the expected row is applied', () => {
    const seen = row.filter((expected) => SOURCES.some((source) => expected[source] !== null));
    fc.assert(
      fc.property(seen, side, (expected, stored) => {
        expect(isDrift(compareLearner(expected, raised(stored, expected), ALL))).toBe(false);
      }),
    );
  });

  it('finds every audited field equal after the audited fields are replaced, and the other fields unchanged', () => {
    fc.assert(
      fc.property(side, row, audited, (all, stored, sources) => {
        const expected = onlySources(sources, all);
        const after = replaceAuditedFields(expected, stored, sources);
        expect([...compareLearner(expected, after, sources).values()].filter((each) => each !== 'equal')).toEqual([]);
        for (const source of SOURCES) if (!sources.has(source)) expect(after[source]).toBe(stored[source]);
      }),
    );
  });
});
