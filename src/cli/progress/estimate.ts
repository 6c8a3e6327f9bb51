/** The state of a long operation at one time. */
export interface Estimate {
  readonly done: number;
  readonly total: number;
  readonly elapsedMs: number;
  /** Over the last seconds; 0 before the first progress. */
  readonly perSecond: number;
  /** At least 1 while work remains; undefined while nothing is known. */
  readonly secondsLeft: number | undefined;
}

export interface Estimator {
  update(done: number, nowMs: number): void;
  at(nowMs: number): Estimate;
}

/** The rate is that of this time, or of the last steps if those took longer: some operations report a step per minute. */
const WINDOW_MS = 10_000;
const LEAST_SAMPLES = 5;
/** Updates that come faster replace each other. */
const SAMPLE_EVERY_MS = 250;

/** Estimates rate and remaining time. All times are from one monotonic clock. */
export function createEstimator(total: number, startedAtMs: number): Estimator {
  let samples = [{ atMs: startedAtMs, done: 0 }];
  let done = 0;
  return {
    update(now, nowMs) {
      done = now;
      const [before, last] = samples.slice(-2);
      if (before !== undefined && last !== undefined && nowMs - before.atMs < SAMPLE_EVERY_MS) samples.pop();
      samples.push({ atMs: nowMs, done });
    },
    at(nowMs) {
      const beforeWindow = samples.findLastIndex(({ atMs }) => atMs <= nowMs - WINDOW_MS);
      samples = samples.slice(Math.max(0, Math.min(beforeWindow, samples.length - LEAST_SAMPLES)));
      const [base = { atMs: startedAtMs, done: 0 }] = samples;
      const perSecond = nowMs > base.atMs ? ((done - base.done) / (nowMs - base.atMs)) * 1_000 : 0;
      return {
        done,
        total,
        elapsedMs: nowMs - startedAtMs,
        perSecond,
        secondsLeft: secondsLeft(total - done, perSecond),
      };
    },
  };
}

function secondsLeft(left: number, perSecond: number): number | undefined {
  if (left <= 0) return 0;
  return perSecond > 0 ? Math.max(1, Math.ceil(left / perSecond)) : undefined;
}
