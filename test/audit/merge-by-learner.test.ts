import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { StudentId } from '../../src/activity/activity.ts';
import { alignedByLearner } from '../../src/audit/merge-by-learner.ts';

it('sorted streams come side by side: every learner once, in order, with what each stream has of them', async () => {
  const ids = fc.uniqueArray(fc.integer({ min: 10, max: 40 })).map((some) => some.sort((a, b) => a - b));
  await fc.assert(
    fc.asyncProperty(fc.array(ids, { maxLength: 5 }), async (lists) => {
      const streams = lists.map(async function* (list) {
        for (const id of list) yield { studentId: String(id) as StudentId };
      });
      const seen: string[] = [];
      for await (const rows of alignedByLearner(streams)) {
        const here = rows.map((row, at) => ({ id: row?.studentId, has: lists[at] }));
        const id = here.find((each) => each.id !== undefined)?.id ?? '';
        for (const each of here) expect(each.id).toBe(each.has?.includes(Number(id)) ? id : undefined);
        seen.push(id);
      }
      expect(seen).toEqual([...new Set(lists.flat())].sort((a, b) => a - b).map(String));
    }),
  );
});
