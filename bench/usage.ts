/** CPU and memory of processes, from /proc. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

const TICKS_A_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

interface Stat {
  readonly parent: number;
  readonly own: number;
  /** CPU seconds of children that have exited and were waited for. */
  readonly ended: number;
}

/** Undefined once the process is gone. */
function statOf(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the command in brackets, which may contain spaces.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const seconds = (from: number) => (Number(fields[from]) + Number(fields[from + 1])) / TICKS_A_SECOND;
    return { parent: Number(fields[1]), own: seconds(11), ended: seconds(13) };
  } catch {
    return undefined;
  }
}

/** CPU seconds of the process, all its threads; undefined once it is gone. */
export function cpuSecondsOf(pid: number): number | undefined {
  return statOf(pid)?.own;
}

/** CPU seconds of a server and of all its children, ended ones included. */
export function cpuSecondsOfFamily(pid: number): number {
  const server = statOf(pid);
  if (server === undefined) return Number.NaN;
  let seconds = server.own + server.ended;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const child = statOf(Number(name));
    if (child?.parent === pid) seconds += child.own + child.ended;
  }
  return seconds;
}

/** Peak resident memory in MB; undefined once the process is gone. */
export const peakRssMbOf = (pid: number) => memoryMbOf(pid, 'VmHWM');

/** Resident memory in MB; undefined once the process is gone. */
export const rssMbOf = (pid: number) => memoryMbOf(pid, 'VmRSS');

function memoryMbOf(pid: number, field: 'VmHWM' | 'VmRSS'): number | undefined {
  try {
    const found = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return found === undefined ? undefined : Number(found) / 1024;
  } catch {
    return undefined;
  }
}
