import { expect, it } from 'vitest';
import { createWorkSummaries, describeWork } from '../../../src/cli/progress/work-summary.ts';

it('sums the work since the last summary, with dead letters by reason and the rate', () => {
  const summaries = createWorkSummaries(0);
  summaries.add({ records: 100, learners: 40, counts: { applied: 90, skipped: 0 } });
  summaries.add({ records: 20, learners: 20, counts: { applied: 20, skipped: 0 } });
  for (const reason of ['bad_learner', 'missing_column', 'bad_learner']) summaries.addDeadLetters(reason, 1);
  const summary = summaries.take(60_000);
  expect(summary).toEqual({
    records: 120,
    learners: 60,
    counts: { applied: 110 },
    deadLetters: { bad_learner: 2, missing_column: 1 },
    perSecond: 2,
    seconds: 60,
  });
  expect(describeWork(summary ?? expect.fail(), 1_234)).toMatch(
    /^120 records of 60 learners, 2\.0\/s; 1,234 behind; .*bad_learner 2/,
  );
});

it('has no summary without work, and none of work before it', () => {
  const summaries = createWorkSummaries(0);
  expect(summaries.take(60_000)).toBeUndefined();
  summaries.add({ records: 1, learners: 1, counts: {} });
  expect(summaries.take(120_000)).toMatchObject({ records: 1 });
  expect(summaries.take(180_000)).toBeUndefined();
});

it('has a summary of dead letters only', () => {
  const summaries = createWorkSummaries(0);
  summaries.addDeadLetters('postgres_refused', 3);
  expect(summaries.take(1_000)).toMatchObject({ records: 0, deadLetters: { postgres_refused: 3 } });
});
