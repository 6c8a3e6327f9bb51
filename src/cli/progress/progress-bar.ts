import cliProgress from 'cli-progress';
import type { Logger } from '../runtime/logging.ts';

/** Shows the progress of a long operation: a bar with rate and remaining time on a terminal, else a log line per 5 s. */
export interface ProgressDisplay {
  update(done: number): void;
  end(): void;
}

const LINE_EVERY_MS = 5_000;

interface ProgressOptions {
  readonly what: string;
  readonly unit: string;
  readonly total: number;
  readonly log: Logger;
  readonly terminal: NodeJS.WriteStream | undefined;
}

export function showProgress(options: ProgressOptions): ProgressDisplay {
  return options.terminal === undefined ? lines(options) : bar(options, options.terminal);
}

function bar({ what, unit, total }: ProgressOptions, terminal: NodeJS.WriteStream): ProgressDisplay {
  const startedAt = performance.now();
  const columns = terminal.columns || DEFAULT_COLUMNS;
  const display = new cliProgress.SingleBar(
    {
      format: `${what} {bar} {percentage} % | {value}/{total} ${unit} | {rate}/s | {eta_formatted} left`,
      stream: terminal,
      hideCursor: true,
      // A narrow terminal gets a shorter bar, so that the remaining time at its right is not cut off.
      barsize: Math.max(MIN_BAR, Math.min(MAX_BAR, columns - what.length - WIDTH_OF_NUMBERS)),
      etaBuffer: 50,
    },
    cliProgress.Presets.shades_classic,
  );
  display.start(total, 0, { rate: 0 });
  return {
    update: (done) => display.update(done, { rate: Math.round((done / (performance.now() - startedAt)) * 1000) }),
    end: () => display.stop(),
  };
}

const DEFAULT_COLUMNS = 80;
const MIN_BAR = 4;
const MAX_BAR = 40;
const WIDTH_OF_NUMBERS = 62;

function lines({ what, unit, total, log }: ProgressOptions): ProgressDisplay {
  const startedAt = performance.now();
  let lastAt = startedAt;
  return {
    update(done) {
      const now = performance.now();
      if (now - lastAt < LINE_EVERY_MS) return;
      lastAt = now;
      const rate = done / ((now - startedAt) / 1000);
      const [perSecond, secondsLeft] = [Math.round(rate), Math.round((total - done) / rate)];
      log.info({ event: 'progress_made', done, total, unit, perSecond, secondsLeft }, what);
    },
    end() {},
  };
}
