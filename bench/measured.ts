import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Guard } from '../stack/guard.ts';
import { cpuSecondsOf, peakRssMbOf } from './usage.ts';

/** A process whose CPU and memory are sampled from outside, so that all programs are measured alike. */
export interface Measured {
  readonly pid: number;
  /** Rejects if the exit code is not 0, with the end of the log. */
  readonly ended: Promise<Output>;
  /** CPU seconds between two instants in ms since the epoch. */
  cpuSecondsBetween(from: number, to: number): number;
  peakRssMb(): number;
  stop(): void;
}

interface Output {
  readonly stdout: string;
  /** The last line of standard output as JSON. */
  json<T>(): T;
}

interface Sample {
  readonly at: number;
  readonly cpuSeconds: number;
}

const SAMPLE_EVERY_MS = 50;
const KEPT_OF_LOG = 4_000;

export interface MeasuredCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Called for each line of standard output. */
  readonly onLine?: (line: string) => void;
}

/** The process does not outlive this one. */
export async function startMeasured(guard: Guard, command: MeasuredCommand): Promise<Measured> {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(command.command, [...command.args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH, HOME, ...command.env },
  });
  const closed = once(child, 'close');
  closed.catch(() => {});
  const { pid } = child;
  if (pid === undefined) throw (await once(child, 'error'))[0];
  await guard.watch(pid, 'SIGKILL');

  const samples: Sample[] = [];
  let peak = 0;
  let gone = false;
  const sampling = (async () => {
    while (!gone) {
      const cpuSeconds = cpuSecondsOf(pid);
      if (cpuSeconds !== undefined) samples.push({ at: Date.now(), cpuSeconds });
      peak = Math.max(peak, peakRssMbOf(pid) ?? 0);
      await sleep(SAMPLE_EVERY_MS);
    }
  })();

  let log = '';
  child.stderr.setEncoding('utf8').on('data', (more: string) => {
    log = (log + more).slice(-KEPT_OF_LOG);
  });
  let rest = '';
  if (command.onLine !== undefined) {
    child.stdout.setEncoding('utf8').on('data', (more: string) => {
      const lines = (rest + more).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) command.onLine?.(line);
    });
  }
  const ended = Promise.all([text(child.stdout), closed]).then(async ([stdout, [code, signal]]) => {
    gone = true;
    guard.forget(pid);
    await sampling;
    if (code !== 0) {
      throw new Error(`${command.command} ${command.args.join(' ')} ended with ${code ?? signal}:\n${log}`);
    }
    return { stdout, json: <T>() => JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as T };
  });
  ended.catch(() => {});
  return {
    pid,
    ended,
    cpuSecondsBetween: (from, to) => cpuSecondsAt(samples, to) - cpuSecondsAt(samples, from),
    peakRssMb: () => peak,
    stop: () => child.kill('SIGTERM'),
  };
}

function cpuSecondsAt(samples: readonly Sample[], at: number): number {
  const next = samples.findIndex((sample) => sample.at >= at);
  const after = next === -1 ? samples.at(-1) : samples[next];
  const before = next === -1 ? after : samples[next - 1];
  if (after === undefined) return Number.NaN;
  if (before === undefined || before === after) return after.cpuSeconds;
  const share = (at - before.at) / (after.at - before.at);
  return before.cpuSeconds + share * (after.cpuSeconds - before.cpuSeconds);
}
