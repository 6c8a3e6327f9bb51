import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { checkLog, parseOutput } from './machine-format.ts';

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));
/** A cache of compiled code: compiling is half of the time of a start, and tests start hundreds of processes. */
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
 * Starts the real binary as a process of its own, which does not outlive this one.
 *
 * @param cli the entry point of another release.
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
  const ended = once(child, 'close').then(([code]) => {
    if (cli === CLI) checkLog(output.stderr);
    return {
      code: code as number | null,
      ...output,
      json: <T>() => parseOutput<T>(output.stdout.trim().split('\n').at(-1) ?? ''),
    };
  });
  return { process: child, ended };
}

/** Runs the binary to its end. Kills it after the time limit, and says so in its standard error. */
export async function runCli(
  env: Readonly<Record<string, string>>,
  args: readonly string[],
  withinMs = 45_000,
): Promise<CliRun> {
  const { process: child, ended } = startCli(env, args);
  let isKilled = false;
  const timer = setTimeout(() => {
    isKilled = true;
    child.kill('SIGKILL');
  }, withinMs);
  const run = await ended.finally(() => clearTimeout(timer));
  if (!isKilled) return run;
  return { ...run, stderr: `${run.stderr}lastseen ${args.join(' ')} did not exit within ${withinMs / 1_000} s` };
}
