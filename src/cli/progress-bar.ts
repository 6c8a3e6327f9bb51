import cliProgress from 'cli-progress';
import type { Logger } from '../runtime/logging.ts';

/** Shows the progress of a long operation: a bar with rate and remaining time on a terminal, else a log line per 5 s. */
export interface ProgressDisplay {
  update(done: number): void;
  end(): void;
}

const LINE_EVERY_MS = 5_000;

export function showProgress(options: {
  readonly what: string;
  readonly unit: string;
  readonly total: number;
  readonly log: Logger;
  readonly terminal: NodeJS.WriteStream | undefined;
}): ProgressDisplay {
  return options.terminal === undefined ? lines(options) : bar(options, options.terminal);
}

function bar(options: { what: string; unit: string; total: number }, terminal: NodeJS.WriteStream): ProgressDisplay {
  const startedAt = performance.now();
  const display = new cliProgress.SingleBar(
    {
      format: `${options.what} {bar} {percentage} % | {value}/{total} ${options.unit} | {rate}/s | {eta_formatted} left`,
      stream: terminal,
      hideCursor: true,
      barsize: barSize((terminal.columns || USUAL_COLUMNS) - options.what.length),
      etaBuffer: 50,
    },
    cliProgress.Presets.shades_classic,
  );
  display.start(options.total, 0, { rate: 0 });
  return {
    update: (done) => display.update(done, { rate: Math.round((done / (performance.now() - startedAt)) * 1000) }),
    end: () => display.stop(),
  };
}

/** A narrow terminal gets a shorter bar, so that the remaining time at its right is not cut off. */
function barSize(columns: number): number {
  return Math.max(MIN_BAR, Math.min(MAX_BAR, columns - WIDTH_OF_NUMBERS));
}

const USUAL_COLUMNS = 80;
const MIN_BAR = 4;
const MAX_BAR = 40;
const WIDTH_OF_NUMBERS = 62;

function lines({
  what,
  unit,
  total,
  log,
}: {
  what: string;
  unit: string;
  total: number;
  log: Logger;
}): ProgressDisplay {
  const startedAt = performance.now();
  let lastAt = startedAt;
  return {
    update(done) {
      const now = performance.now();
      if (now - lastAt < LINE_EVERY_MS) return;
      lastAt = now;
      const rate = done / ((now - startedAt) / 1000);
      log.info(
        {
          event: 'progress_made',
          done,
          total,
          unit,
          perSecond: Math.round(rate),
          secondsLeft: Math.round((total - done) / rate),
        },
        what,
      );
    },
    end() {},
  };
}
