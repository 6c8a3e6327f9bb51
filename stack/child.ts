import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Guard } from './guard.ts';

export interface ChildCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly logFile: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** The signal that ends it and all its child processes at once. Default: SIGKILL. */
  readonly endSignal?: NodeJS.Signals;
}

export interface Child {
  readonly pid: number;
  /** A text such as `exited with code 1`. Never rejects. */
  readonly exited: Promise<string>;
}

// The shell waits for a line before it becomes the command, so that the reaper knows every running process. If the
// launcher dies before, `read` gets the end of the pipe and the shell exits.
const GATE = 'read -r _ && exec "$@" </dev/null';

/** Starts a command in a new process group, with its output in a file. The guard ends it with the launcher. */
export async function startChild(guard: Guard, child: ChildCommand): Promise<Child> {
  const log = openSync(child.logFile, 'a');
  try {
    const started = spawn('/bin/sh', ['-c', GATE, 'sh', child.command, ...child.args], {
      detached: true,
      stdio: ['pipe', log, log],
      ...(child.cwd === undefined ? {} : { cwd: child.cwd }),
      env: { ...process.env, ...child.env },
      ...child.owner,
    });
    const exited = new Promise<string>((resolve) => {
      started.once('error', (error) => resolve(error.message));
      started.once('exit', (code, signal) =>
        resolve(signal === null ? `exited with code ${code}` : `ended by ${signal}`),
      );
    });
    started.stdin?.on('error', () => {});
    const { pid } = started;
    if (pid === undefined) throw new Error(await exited);
    await guard.watch(pid, child.endSignal ?? 'SIGKILL').catch((error: unknown) => {
      started.stdin?.destroy();
      throw error;
    });
    void exited.then(() => guard.forget(pid));
    started.stdin?.end('go\n');
    return { pid, exited };
  } finally {
    closeSync(log);
  }
}
