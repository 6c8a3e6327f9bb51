import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { LogEvent } from '../../src/runtime/log-events.ts';
import { StackError } from '../errors.ts';
import { progressBar } from './bar.ts';
import type { Report } from './load.ts';

export const CLI = join(import.meta.dirname, '../../src/cli.ts');
const KEPT_LINES = 20;

/** Runs `lastseen …` as an operator would, as a process of its own. */
export type Lastseen = (args: readonly string[], options?: RunOptions) => Promise<string>;

interface RunOptions {
  /** Overrides the environment that all commands share. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly report?: Report;
  /** Exit codes besides 0 that are no error. */
  readonly answers?: readonly number[];
}

/**
 * @param environment of the commands; of this process they inherit only PATH, HOME and TMPDIR.
 * @returns a function that resolves to standard output. It throws a `StackError` with the end of the log if the
 * command fails.
 */
export function lastseenWith(environment: Readonly<Record<string, string>>, signal: AbortSignal): Lastseen {
  return async (args, { environment: more = {}, report, answers = [] } = {}) => {
    const { PATH = '', HOME = '', TMPDIR = '/tmp' } = process.env;
    const child = spawn(process.execPath, [CLI, ...args], {
      env: { PATH, HOME, TMPDIR, ...environment, ...more },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const stop = () => child.kill('SIGTERM');
    signal.addEventListener('abort', stop, { once: true });
    const log: string[] = [];
    createInterface({ input: child.stderr }).on('line', (line) => {
      log.push(line);
      if (log.length > KEPT_LINES) log.shift();
      const progress = progressLine(line);
      if (progress !== undefined) report?.(progress);
    });
    const ended = new Promise<number | string>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, by) => resolve(code ?? by ?? 'unknown'));
    });
    try {
      const [how, output] = await Promise.all([ended, text(child.stdout)]);
      signal.throwIfAborted();
      if (how === 0 || answers.some((code) => code === how)) return output;
      throw new StackError(`lastseen ${args.join(' ')} failed with ${how}; end of its log:\n    ${log.join('\n    ')}`);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  };
}

/** A progress event of the log as text; undefined for other lines. */
export function progressLine(line: string): string | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const { event, done, total, unit, per_second: perSecond } = JSON.parse(line) as Record<string, unknown>;
    if (event !== ('progress_made' satisfies LogEvent)) return undefined;
    return `${progressBar(Number(done), Number(total), String(unit))}, ${Number(perSecond).toLocaleString('en')}/s`;
  } catch {
    return undefined;
  }
}
