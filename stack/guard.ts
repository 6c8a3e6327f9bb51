import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { StackError } from './errors.ts';
import { tearDown } from './teardown.ts';

/** The launcher's side of the reaper, which cleans up when the launcher closes it or ends in any way. */
export interface Guard {
  /** Resolves when the reaper knows the process group. Rejects after `close` was called. */
  watch(pid: number, endSignal: NodeJS.Signals): Promise<void>;
  forget(pid: number): void;
  removeAtEnd(path: string): void;
  keep(path: string): void;
  /** Ends all groups, removes all paths, and resolves when that is done. */
  close(): Promise<void>;
}

export function createGuard(): Guard {
  const groups = new Map<number, NodeJS.Signals>();
  const paths = new Set<string>();
  const reaper = spawn(process.execPath, [join(import.meta.dirname, 'reaper.ts')], {
    detached: true,
    cwd: '/',
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { NODE_NO_WARNINGS: '1' },
  });
  const gone = new Promise<void>((resolve) => {
    reaper.once('exit', () => resolve());
    reaper.once('error', () => resolve());
  });
  reaper.unref();
  // A dead reaper must not crash the launcher: close() then cleans up by itself.
  reaper.stdin.on('error', () => {});

  const send = (...words: readonly string[]): Promise<void> =>
    new Promise((resolve) => {
      reaper.stdin.write(`${words.join('\t')}\n`, () => resolve());
    });

  const end = async (): Promise<void> => {
    reaper.ref();
    reaper.stdin.end();
    await gone;
    // Finds nothing to do unless the reaper itself was killed.
    await tearDown(groups, paths);
  };
  let closing: Promise<void> | undefined;
  // The reaper no longer reads: a new process or path would not be cleaned up.
  const refuseWhenClosing = (): void => {
    if (closing !== undefined) throw new StackError('the stack is being taken down');
  };

  return {
    async watch(pid, endSignal) {
      refuseWhenClosing();
      groups.set(pid, endSignal);
      await send('watch', String(pid), endSignal);
    },
    forget(pid) {
      groups.delete(pid);
      void send('forget', String(pid));
    },
    removeAtEnd(path) {
      refuseWhenClosing();
      paths.add(path);
      void send('remove', path);
    },
    keep(path) {
      paths.delete(path);
      void send('keep', path);
    },
    close() {
      closing ??= end();
      return closing;
    },
  };
}
