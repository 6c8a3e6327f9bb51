import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const GRACE_MS = 5_000;

function groupIsAlive(pid: number): boolean {
  try {
    process.kill(-pid, 0);
    return true;
  } catch (error) {
    // EPERM: macOS answers so for a group of zombies and for one of another user; neither is ours to wait for.
    return (error as NodeJS.ErrnoException).code !== 'ESRCH' && (error as NodeJS.ErrnoException).code !== 'EPERM';
  }
}

export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Already gone.
  }
}

async function endGroup(pid: number, signal: NodeJS.Signals): Promise<void> {
  // A stopped process would keep any signal but SIGKILL waiting.
  signalGroup(pid, 'SIGCONT');
  signalGroup(pid, signal);
  const deadline = Date.now() + GRACE_MS;
  while (groupIsAlive(pid)) {
    if (Date.now() > deadline) return signalGroup(pid, 'SIGKILL');
    await sleep(20);
  }
}

/** Ends every process group and only then removes the directories, since a living process would write into them again. */
export async function tearDown(groups: ReadonlyMap<number, NodeJS.Signals>, paths: Iterable<string>): Promise<void> {
  await Promise.all([...groups].map(([pid, signal]) => endGroup(pid, signal)));
  for (const path of paths) await rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}
