import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Checks } from './checks.ts';
import type { Container } from './container.ts';

/** The capabilities that stay with a container unless it drops them, and all others. */
const NONE = '0000000000000000';

/** Looks at a running container from outside: who it is, what it may, what it can write. */
export function checkContainment({ check }: Checks, pod: string, container: Container): void {
  const pid = container.pid();
  const status = Object.fromEntries(
    readFileSync(`/proc/${pid}/status`, 'utf8')
      .split('\n')
      .map((line) => line.split(/:\s*/, 2) as [string, string]),
  );
  const [uid = ''] = (status['Uid'] ?? '').split('\t');
  const uids = new Set((status['Uid'] ?? '').split('\t'));
  check(pod, 'is no root', uids.size === 1 && uid !== '0', `uid ${uid}, gid ${status['Gid']?.split('\t')[0]}`);
  const capabilities = ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map((name) => status[name]);
  check(
    pod,
    'has no capability, nor may get one',
    capabilities.every((set) => set === NONE),
    `bounding set ${status['CapBnd']}`,
  );
  check(pod, 'cannot gain privileges', status['NoNewPrivs'] === '1', `NoNewPrivs ${status['NoNewPrivs']}`);

  const inside = (path: string) => `/proc/${pid}/root${path}`;
  for (const path of ['/', '/app/', '/app/src/', '/etc/']) {
    // Root's own attempt, through the process's mounts: no right is missing but that to write there at all.
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
