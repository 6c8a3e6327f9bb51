import { type DefaultRenderer, Listr, type ListrTaskWrapper, type SimpleRenderer } from 'listr2';
import type { Tell } from './load.ts';

export interface Timing {
  readonly step: string;
  readonly seconds: number;
}

/** Runs named steps one after the other and keeps how long each took. */
export interface Steps {
  run<T>(title: string, work: (tell: Tell) => Promise<T>): Promise<T>;
  readonly timings: readonly Timing[];
}

/** A living list on a terminal; elsewhere lines on stderr, where an unfinished step speaks at most every five seconds. */
export function createSteps(how: 'list' | 'lines', signal: AbortSignal): Steps {
  const timings: Timing[] = [];
  const show = how === 'list' ? inList : inLines;
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

async function inList<T>(title: string, work: (tell: Tell) => Promise<T>, seconds: () => number): Promise<T> {
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

async function inLines<T>(title: string, work: (tell: Tell) => Promise<T>, seconds: () => number): Promise<T> {
  console.error(`${title} …`);
  let toldAt = 0;
  const result = await work((line) => {
    if (seconds() - toldAt < LINE_EVERY_SECONDS) return;
    toldAt = seconds();
    console.error(`  ${line}`);
  });
  console.error(`  done in ${seconds().toFixed(1)} s`);
  return result;
}
