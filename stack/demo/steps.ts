import { type DefaultRenderer, Listr, type ListrTaskWrapper, type SimpleRenderer } from 'listr2';
import type { Report } from './load.ts';

export interface Timing {
  readonly step: string;
  readonly seconds: number;
}

/** Runs named steps in sequence and records their durations. */
export interface Steps {
  run<T>(title: string, work: (report: Report) => Promise<T>): Promise<T>;
  readonly timings: readonly Timing[];
}

/** A list that updates on a terminal. Otherwise lines on stderr, at most one every five seconds per step. */
export function createSteps(how: 'list' | 'lines', signal: AbortSignal): Steps {
  const timings: Timing[] = [];
  const show = how === 'list' ? showAsList : showAsLines;
  return {
    timings,
    async run(title, work) {
      signal.throwIfAborted();
      const startedAt = performance.now();
      const seconds = () => (performance.now() - startedAt) / 1000;
      const result = await show(title, work, seconds);
      timings.push({ step: title, seconds: seconds() });
      return result;
    },
  };
}

async function showAsList<T>(title: string, work: (report: Report) => Promise<T>, seconds: () => number): Promise<T> {
  type Task = ListrTaskWrapper<unknown, typeof DefaultRenderer, typeof SimpleRenderer>;
  const result: { value?: T } = {};
  await new Listr(
    {
      title,
      task: async (_: unknown, task: Task) => {
        result.value = await work((line) => {
          task.output = line;
        });
        task.title = `${title} (${seconds().toFixed(1)} s)`;
      },
    },
    { registerSignalListeners: false },
  ).run();
  return result.value as T;
}

const LINE_EVERY_SECONDS = 5;

async function showAsLines<T>(title: string, work: (report: Report) => Promise<T>, seconds: () => number): Promise<T> {
  console.error(`${title} …`);
  let reportedAt = 0;
  const result = await work((line) => {
    if (seconds() - reportedAt < LINE_EVERY_SECONDS) return;
    reportedAt = seconds();
    console.error(`  ${line}`);
  });
  console.error(`  done in ${seconds().toFixed(1)} s`);
  return result;
}
