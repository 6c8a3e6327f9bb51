import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const GRACE_MS = 5_000;

export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Already gone.
  }
}

function groupIsAlive(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch {
    // ESRCH, or EPERM, which macOS returns for a group of zombies.
    return false;
  }
}

/** Pairs of process and parent, from /proc if it exists, because small images have no `ps`. */
function parents(): [number, number][] {
  try {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((name) => {
        try {
          // The command's name, in parentheses, may contain spaces and parentheses.
          const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
          return [Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])];
        } catch {
          return [Number(name), 0];
        }
      });
  } catch {
    const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n');
    return lines.map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
  }
}

/**
 * Ends a process group and the child processes of its leader. Postgres' backends lead their own groups, and a backend in
 * a query outlives a killed server. Resolves when all are gone.
 */
export async function endTree(pid: number, signal: NodeJS.Signals): Promise<void> {
  const children = parents().flatMap(([child, parent]) => (parent === pid ? [child] : []));
  signalGroup(pid, signal);
  // A stopped process handles no signal but SIGKILL.
  signalGroup(pid, 'SIGCONT');
  const deadline = Date.now() + GRACE_MS;
  while (groupIsAlive(pid)) {
    if (Date.now() > deadline) signalGroup(pid, 'SIGKILL');
    await sleep(20);
    if (Date.now() > deadline + GRACE_MS) break;
  }
  for (const child of children) signalGroup(child, 'SIGKILL');
  while (children.some(groupIsAlive) && Date.now() < deadline + GRACE_MS) await sleep(20);
}

/** Ends all processes, then removes the directories, because a running process would write to them again. */
export async function tearDown(leaders: ReadonlyMap<number, NodeJS.Signals>, paths: Iterable<string>): Promise<void> {
  await Promise.all([...leaders].map(([pid, signal]) => endTree(pid, signal)));
  for (const path of paths) await rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}
