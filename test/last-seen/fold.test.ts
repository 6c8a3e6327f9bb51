import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Activity } from '../../src/activity/activity.ts';
import { learnerKeyOf, studentIdOf } from '../../src/activity/learner.ts';
import { perSource, SOURCES } from '../../src/activity/source.ts';
import { columnsOf, createFold, type Fold, NEVER, splitLearners } from '../../src/last-seen/fold.ts';
import { rowsOf } from './rows-of.ts';

const UUID = '0195d2a0-abcd-7000-8000-00000000000f';
/** Few learners, so that activities share them; two of the names spell one UUID. */
const names = fc.constantFrom('ada', 'bob', UUID, UUID.toUpperCase());
const activity: fc.Arbitrary<Activity> = fc
  .record({
    name: names,
    named: fc.boolean(),
    read: fc.boolean(),
    source: fc.constantFrom(...SOURCES),
    at: fc.bigInt(0n, 5n),
  })
  .map(({ name, named, read, source, at }) => {
    const studentId = read ? learnerKeyOf(name) : studentIdOf(name);
    const own = name === UUID ? studentId : name;
    return { studentId, userId: named ? own : null, source, at };
  });

function foldOf(activities: readonly Activity[]) {
  const fold = createFold();
  for (const each of activities) fold.add(each, each.at + 1n);
  return fold;
}

const sortedRowsOf = (fold: Fold) => rowsOf(fold.columns()).sort((a, b) => (a.studentId < b.studentId ? -1 : 1));

describe('a fold', () => {
  it('has one row per learner with the newest instant per source, the newest commit and the smallest name', () => {
    const studentId = studentIdOf(UUID);
    const rows = rowsOf(
      foldOf([
        { studentId, userId: UUID, source: 'session', at: 3n },
        { studentId, userId: null, source: 'attempt', at: 9n },
        { studentId, userId: UUID.toUpperCase(), source: 'session', at: 2n },
        { studentId: studentIdOf('ada'), userId: 'ada', source: 'exam_results', at: 1n },
      ]).columns(),
    );
    expect(rows).toEqual([
      {
        studentId,
        userId: UUID.toUpperCase(),
        ...perSource(() => null),
        attempt: 9n,
        session: 3n,
        committedAt: 10n,
      },
      {
        studentId: studentIdOf('ada'),
        userId: 'ada',
        ...perSource(() => null),
        exam_results: 1n,
        committedAt: 2n,
      },
    ]);
  });

  it('gives the same rows in any order and with any repetition', () => {
    const shuffled = fc.array(activity).chain((activities) =>
      fc.record({
        activities: fc.constant(activities),
        again: fc.shuffledSubarray(activities),
        reordered: fc.shuffledSubarray(activities, { minLength: activities.length }),
      }),
    );
    fc.assert(
      fc.property(shuffled, ({ activities, again, reordered }) => {
        expect(sortedRowsOf(foldOf([...reordered, ...again]))).toEqual(sortedRowsOf(foldOf(activities)));
      }),
    );
  });

  it('gives the same rows for any split over folds whose rows are folded in any order', () => {
    const parts = fc
      .array(fc.array(activity), { maxLength: 5 })
      .chain((split) =>
        fc.record({ split: fc.constant(split), order: fc.shuffledSubarray(split, { minLength: split.length }) }),
      );
    fc.assert(
      fc.property(parts, ({ split, order }) => {
        const whole = createFold();
        for (const part of order) for (const row of rowsOf(foldOf(part).columns())) whole.addRow(row);
        const uncommitted = sortedRowsOf(foldOf(split.flat())).map((row) => ({ ...row, committedAt: null }));
        expect(sortedRowsOf(whole)).toEqual(uncommitted);
        expect(whole.size).toBe(uncommitted.length);
      }),
    );
  });

  it('has the same rows in parts of equal size', () => {
    fc.assert(
      fc.property(fc.array(activity), fc.integer({ min: 1, max: 6 }), (activities, count) => {
        const whole = foldOf(activities).columns();
        const parts = splitLearners(whole, count);
        expect(parts).toHaveLength(count);
        expect(parts.flatMap(rowsOf)).toEqual(rowsOf(whole));
        const sizes = parts.map(({ size }) => size);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('gives the same rows as a map for many learners, and again after clear()', () => {
    const fold = createFold();
    for (let round = 0; round < 2; round++) {
      const expected = new Map<string, bigint>();
      for (let n = 0; n < 3_000; n++) {
        const name = `learner ${(n * 7919) % 1_000}`;
        const at = BigInt((n * 31) % 500);
        fold.add({ studentId: studentIdOf(name), userId: name, source: 'session', at });
        if ((expected.get(name) ?? -1n) < at) expected.set(name, at);
      }
      expect(fold.size).toBe(1_000);
      expect(new Map(rowsOf(fold.columns()).map(({ userId, session }) => [userId, session]))).toEqual(expected);
      fold.clear();
      expect(rowsOf(fold.columns())).toEqual([]);
    }
  });

  it('has no column for a source without activities, and no text for a name that is the key', () => {
    const { size, userId, instants, studentIds } = columnsOf(
      rowsOf(
        foldOf([
          { studentId: studentIdOf(UUID), userId: UUID, source: 'session', at: 1n },
          { studentId: studentIdOf('ada'), userId: 'ada', source: 'attempt', at: 2n },
          { studentId: studentIdOf('bob'), userId: null, source: 'attempt', at: 3n },
        ]).columns(),
      ),
    );
    expect([0, 1, 2].map(userId)).toEqual([undefined, 'ada', null]);
    expect([0, 1, 2].map(studentIds.textOf)).toEqual([UUID, studentIdOf('ada'), studentIdOf('bob')]);
    expect(Object.keys(instants).sort()).toEqual(['attempt', 'session']);
    expect([...(instants.attempt?.slice(0, size) ?? [])]).toEqual([NEVER, 2n, 3n]);
  });
});
