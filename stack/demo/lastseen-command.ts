import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { StackError } from '../errors.ts';
import { progressBar } from './bar.ts';
import type { Tell } from './load.ts';

const CLI = join(import.meta.dirname, '../../src/cli.ts');
const KEPT_LINES = 20;

/** Runs `lastseen …` as an operator would, as a process of its own. */
export type Lastseen = (args: readonly string[], options?: RunOptions) => Promise<string>;

interface RunOptions {
  /** Wins over the environment all commands share. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly tell?: Tell;
  /** Exit codes that are an answer too, besides 0. */
  readonly answers?: readonly number[];
}

/**
 * @param environment what the commands read; of this process they get only what finds programs and homes.
 * @returns a function that resolves to standard output, and throws a `StackError` with the end of the log where the
 * command does not end with 0.
 */
export function lastseenWith(environment: Readonly<Record<string, string>>, signal: AbortSignal): Lastseen {
  return async (args, { environment: more = {}, tell, answers = [] } = {}) => {
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
      if (progress !== undefined) tell?.(progress);
    });
    const ended = new Promise<number | string>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, by) => resolve(code ?? by ?? 'unknown'));
    });
    try {
      const [how, output] = await Promise.all([ended, text(child.stdout)]);
      signal.throwIfAborted();
      if (how === 0 || answers.some((code) => code === how)) return output;
      throw new StackError(`lastseen ${args.join(' ')} ended with ${how}; its log ends:\n    ${log.join('\n    ')}`);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  };
}

/** What a progress line of the log says, in words. */
export function progressLine(line: string): string | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const { event, done, total, unit, perSecond } = JSON.parse(line) as Record<string, unknown>;
    if (event !== 'progress_made') return undefined;
    return `${progressBar(Number(done), Number(total), String(unit))}, ${Number(perSecond).toLocaleString('en')}/s`;
  } catch {
    return undefined;
  }
}
