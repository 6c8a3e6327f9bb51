import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));
/** Half of what a start costs is compiling, and there are hundreds. */
const COMPILED = fileURLToPath(new URL('../../node_modules/.cache/lastseen', import.meta.url));

export interface CliRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The last line of stdout as JSON. */
  json<T = Record<string, unknown>>(): T;
}

export interface StartedCli {
  readonly process: ChildProcess;
  readonly ended: Promise<CliRun>;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * Starts the real binary as a process of its own; it does not outlive this one.
 *
 * @param cli of another release
 */
export function startCli(
  env: Readonly<Record<string, string>>,
  args: readonly string[],
  cli: string = CLI,
): StartedCli {
  const child = spawn(process.execPath, [cli, ...args], {
    env: { PATH: process.env['PATH'] ?? '', NODE_COMPILE_CACHE: COMPILED, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  child.once('close', () => running.delete(child));
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.stderr += text;
  });
  const ended = once(child, 'close').then(([code]) => ({
    code: code as number | null,
    ...output,
    json: <T>() => JSON.parse(output.stdout.trim().split('\n').at(-1) ?? '') as T,
  }));
  return { process: child, ended };
}

export function runCli(env: Readonly<Record<string, string>>, args: readonly string[]): Promise<CliRun> {
  return startCli(env, args).ended;
}
