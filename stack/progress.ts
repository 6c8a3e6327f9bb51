import { type DefaultRenderer, Listr, type ListrTaskWrapper, type SimpleRenderer } from 'listr2';
import type { PartName } from './part.ts';
import type { PartState } from './supervisor.ts';

export interface Progress {
  report(part: PartName, state: PartState, detail?: string): void;
  /** Stops updating; the last state stays on the screen. */
  close(): Promise<void>;
}

const NAMES: Record<PartName, string> = {
  postgres: 'Postgres',
  kafka: 'Kafka',
  registry: 'Schema registry',
  connect: 'Kafka Connect',
};

const SILENT: Progress = { report() {}, async close() {} };

/** A list that updates on a terminal, otherwise one line per change on stderr. */
export function showProgress(parts: readonly PartName[], silent: boolean): Progress {
  if (silent) return SILENT;
  return process.stdout.isTTY ? list(parts) : lines();
}

const words = (state: PartState, detail?: string): string => (detail === undefined ? state : `${state}: ${detail}`);

function lines(): Progress {
  const startedAt = performance.now();
  return {
    report(part, state, detail) {
      // The command reports a failure once, at the end.
      if (state === 'failed') return;
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1).padStart(5);
      console.error(`${seconds} s  ${NAMES[part]} ${words(state, detail)}`);
    },
    async close() {},
  };
}

function list(parts: readonly PartName[]): Progress {
  type Task = ListrTaskWrapper<unknown, typeof DefaultRenderer, typeof SimpleRenderer>;
  const tasks = new Map<PartName, Task>();
  const ends = new Map(parts.map((part) => [part, Promise.withResolvers<void>()]));
  const startedAt = performance.now();
  const rendering = new Listr(
    parts.map((part) => ({
      title: NAMES[part],
      task: (_: unknown, task: Task) => {
        tasks.set(part, task);
        return ends.get(part)?.promise;
      },
    })),
    { concurrent: true, exitOnError: false, registerSignalListeners: false },
  ).run();
  return {
    report(part, state, detail) {
      const task = tasks.get(part);
      if (state === 'ready') {
        const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
        if (task !== undefined) task.title = `${NAMES[part]} (${seconds} s)`;
        ends.get(part)?.resolve();
      } else if (state === 'failed') {
        ends.get(part)?.reject(new Error('failed'));
      } else if (task !== undefined) {
        task.title = `${NAMES[part]} ${words(state, detail)}`;
      }
    },
    async close() {
      for (const [, end] of ends) end.reject(new Error('not started'));
      await rendering.catch(() => {});
    },
  };
}
