import { expect, it } from 'vitest';
import { replayPage } from '../../src/replay/replay-page.ts';
import { zeroTotals } from '../../src/replay/totals.ts';

const pageOf = (session: Record<string, number>) => {
  const totals = zeroTotals();
  const counts = { ...totals.counts, session };
  return replayPage({ ...totals, counts, corrections: undefined, learners: 0n, digest: 'd' });
};

it('names where to look for records that it could not apply, and claims nothing about what track did', () => {
  const page = pageOf({ applied: 5, 'dead letter: missing_column': 2, 'dead letter: bad_learner': 1 });
  expect(page).toMatch(/^3 records cannot be applied.*`lastseen dlq list --topic track`/m);
  expect(page).not.toMatch(/track.* has (sent|applied)/);
});

it('has no such line if it applied all', () => {
  expect(pageOf({ applied: 5 })).not.toContain('dlq');
});
