import type { Logger } from '../../runtime/logging.ts';
import { createEstimator, type Estimate } from './estimate.ts';
import type { LiveLine } from './live-line.ts';
import { finalLine, type ProgressText, progressLine } from './progress-line.ts';

/** Shows the progress of a long operation: a bar with rate and remaining time on a terminal, else a log line per 5 s. */
export interface ProgressDisplay {
  update(done: number): void;
  end(): void;
}

interface ProgressOptions extends ProgressText {
  readonly total: number;
  readonly log: Logger;
  readonly live: LiveLine | undefined;
}

const DRAW_EVERY_MS = 250;
const LOG_EVERY_MS = 5_000;

export function showProgress(options: ProgressOptions): ProgressDisplay {
  const { total, live } = options;
  const estimator = createEstimator(total, performance.now());
  let shownAtMs = performance.now();
  const everyMs = live === undefined ? LOG_EVERY_MS : DRAW_EVERY_MS;
  const show = (nowMs: number) => {
    shownAtMs = nowMs;
    const estimate = estimator.at(nowMs);
    if (live === undefined) logProgress(options, estimate);
    else live.show((width) => progressLine(options, estimate, width));
  };
  // Also without an update: the elapsed time moves, and the rate falls.
  const timer = setInterval(() => show(performance.now()), everyMs).unref();
  return {
    update(done) {
      const nowMs = performance.now();
      estimator.update(done, nowMs);
      // Work that computes leaves no time for the timer.
      if (nowMs - shownAtMs >= everyMs) show(nowMs);
    },
    end() {
      clearInterval(timer);
      const estimate = estimator.at(performance.now());
      live?.end((width) => finalLine(options, estimate, width));
    },
  };
}

function logProgress({ what, unit, log }: ProgressOptions, { done, total, perSecond, secondsLeft }: Estimate): void {
  const rate = Number(perSecond.toPrecision(3));
  log.info({ event: 'progress_made', done, total, unit, perSecond: rate, secondsLeft }, what);
}
