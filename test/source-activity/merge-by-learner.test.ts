import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { StudentId } from '../../src/activity/activity.ts';
import { mergeByLearner } from '../../src/source-activity/merge-by-learner.ts';

it('yields every learner once, in order, with the row of each stream that has the learner', async () => {
  const ids = fc.uniqueArray(fc.integer({ min: 10, max: 40 })).map((some) => some.sort((a, b) => a - b));
  await fc.assert(
    fc.asyncProperty(fc.array(ids, { maxLength: 5 }), async (lists) => {
      const streams = lists.map(async function* (list) {
        for (const id of list) yield { studentId: String(id) as StudentId };
      });
      const seen: string[] = [];
      for await (const { studentId: id, rows } of mergeByLearner(streams)) {
        expect(rows.map((row) => row?.studentId)).toEqual(
          lists.map((list) => (list.includes(Number(id)) ? id : undefined)),
        );
        seen.push(id);
      }
      expect(seen).toEqual([...new Set(lists.flat())].sort((a, b) => a - b).map(String));
    }),
  );
});
