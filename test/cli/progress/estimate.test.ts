import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createEstimator } from '../../../src/cli/progress/estimate.ts';

/** An estimator after these steps of `done`, one per `everyMs`. */
function estimateAfter(total: number, everyMs: number, steps: readonly number[]) {
  const estimator = createEstimator(total, 0);
  steps.forEach((done, n) => {
    estimator.update(done, (n + 1) * everyMs);
    estimator.at((n + 1) * everyMs);
  });
  return (nowMs: number) => estimator.at(nowMs);
}

const steps = (count: number, stepOf: (n: number) => number) => Array.from({ length: count }, (_, n) => stepOf(n + 1));

describe('an estimate', () => {
  it('has the rate of the last seconds, not that since the start', () => {
    // 100/s for a minute, then 10/s for twelve seconds.
    const at = estimateAfter(1e6, 1_000, [...steps(60, (n) => n * 100), ...steps(12, (n) => 6_000 + n * 10)]);
    expect(at(72_000).perSecond).toBeCloseTo(10, 5);
  });

  it('does not count a slow start once records arrive', () => {
    const at = estimateAfter(1e6, 1_000, [...steps(60, () => 0), ...steps(15, (n) => n * 1_000)]);
    expect(at(75_000)).toMatchObject({ perSecond: 1_000, secondsLeft: 985 });
  });

  it('has a rate of steps that take longer than the window', () => {
    const at = estimateAfter(
      30,
      30_000,
      steps(10, (n) => n),
    );
    expect(at(300_000)).toMatchObject({ secondsLeft: 600 });
  });

  it('falls while nothing happens', () => {
    const at = estimateAfter(
      10_000,
      1_000,
      steps(20, (n) => n * 100),
    );
    const [soon, later] = [at(25_000), at(120_000)];
    expect(soon.perSecond).toBeLessThan(100);
    expect(later.perSecond).toBeLessThan(soon.perSecond);
    expect(later.secondsLeft).toBeGreaterThan(soon.secondsLeft ?? Number.POSITIVE_INFINITY);
  });

  it('never has no time left while work remains, nor time left after it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 60_000 }), fc.integer({ min: 0, max: 400_000 }))),
        (total, updates) => {
          const estimator = createEstimator(total, 0);
          let [nowMs, done] = [0, 0];
          for (const [waitMs, more] of updates) {
            nowMs += waitMs;
            done += more;
            estimator.update(done, nowMs);
            const { secondsLeft } = estimator.at(nowMs);
            if (done >= total) expect(secondsLeft).toBe(0);
            else expect(secondsLeft ?? 1).toBeGreaterThanOrEqual(1);
          }
        },
      ),
    );
  });
});
