import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Checks } from './checks.ts';
import type { Container } from './container.ts';

/** The capabilities that a container keeps unless it drops them, and all others. */
const NONE = '0000000000000000';

/** Checks a running container from outside: its user, its capabilities, and the paths that it can write to. */
export function checkContainment({ check }: Checks, pod: string, container: Container): void {
  const pid = container.pid();
  const status = Object.fromEntries(
    readFileSync(`/proc/${pid}/status`, 'utf8')
      .split('\n')
      .map((line) => line.split(/:\s*/, 2) as [string, string]),
  );
  const [uid = ''] = (status['Uid'] ?? '').split('\t');
  const uids = new Set((status['Uid'] ?? '').split('\t'));
  check(
    pod,
    'does not run as root',
    uids.size === 1 && uid !== '0',
    `uid ${uid}, gid ${status['Gid']?.split('\t')[0]}`,
  );
  const capabilities = ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map((name) => status[name]);
  check(
    pod,
    'has no capability and cannot gain one',
    capabilities.every((set) => set === NONE),
    `bounding set ${status['CapBnd']}`,
  );
  check(pod, 'cannot gain privileges', status['NoNewPrivs'] === '1', `NoNewPrivs ${status['NoNewPrivs']}`);

  const inside = (path: string) => `/proc/${pid}/root${path}`;
  for (const path of ['/', '/app/', '/app/dist/', '/etc/']) {
    // Tried as root through the process's mounts, so that only a read-only mount can refuse it.
    check(
      pod,
      `cannot write to ${path}`,
      attempt(inside(`${path}written`)) === 'EROFS',
      attempt(inside(`${path}written`)),
    );
  }
  for (const { mountPath } of container.spec.volumeMounts ?? []) {
    const seen = attempt(inside(`${mountPath}/written`));
    const isScratch = readFileSync(`/proc/${pid}/mounts`, 'utf8').includes(` ${mountPath} tmpfs rw`);
    check(
      pod,
      isScratch ? `can write to ${mountPath}` : `cannot write to ${mountPath}`,
      seen === (isScratch ? 'written' : 'EROFS'),
      seen,
    );
  }
}

function attempt(path: string): string {
  try {
    writeFileSync(path, '');
    rmSync(path);
    return 'written';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}
