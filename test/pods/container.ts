import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Environment, environmentOf } from './environment.ts';
import type { Image } from './image.ts';
import {
  bytesOf,
  type ContainerSpec,
  type Manifests,
  type PodSpec,
  type SecurityContext,
  type VolumeSpec,
} from './manifests.ts';

export interface Launch {
  readonly image: Image;
  readonly manifests: Manifests;
  /** Parent directory of the containers' directories. */
  readonly directory: string;
  /** The Node of the image. */
  readonly node: string;
  /** Replacements of settings by name, because servers have other addresses here. */
  readonly replace: (name: string, value: string) => string;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Container {
  readonly name: string;
  readonly spec: ContainerSpec;
  readonly env: Environment;
  readonly startedAt: number;
  readonly memoryLimit: number;
  readonly ended: Promise<Ended>;
  hasEnded(): boolean;
  log(): string;
  /** The id of its process in this machine's PID namespace. */
  pid(): number;
  /** The highest resident memory that was sampled, in bytes. */
  peakMemory(): number;
  /** Sends SIGTERM, and SIGKILL after the grace period. */
  stop(): Promise<Ended & { readonly tookMs: number; readonly isOverdue: boolean }>;
  kill(): void;
}

/** V8 reserves this for code at its start and hardly uses it. `ulimit -d` counts it, but a container's limit does not. */
const CODE_RANGE_BYTES = 512 * 2 ** 20;
/** Stacks of Node's threads: also counted by `ulimit -d` only. */
const THREADS_BYTES = 96 * 2 ** 20;

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts one container of a pod by its manifest. */
export function startContainer(launch: Launch, pod: PodSpec, spec: ContainerSpec, args?: readonly string[]): Container {
  const { image } = launch;
  const directory = mkdtempSync(join(launch.directory, `${spec.name}-`));
  const root = join(directory, 'root');
  mkdirSync(root, { mode: 0o755 });
  const security = { ...pod.securityContext, ...spec.securityContext };
  const env = environmentOf(launch, spec, { PATH, ...image.env });
  const mounts = [
    ...readdirSync(image.root).map((name) => `bind ${join(image.root, name)} /${name}`),
    ...(spec.volumeMounts ?? []).map(({ name, mountPath }) => mountLine(launch, pod, name, mountPath, directory)),
    ...(security.readOnlyRootFilesystem ? ['ro'] : []),
  ];
  writeFileSync(join(directory, 'mounts'), mounts.map((line) => `${line}\n`).join(''));
  const memoryLimit = bytesOf(spec.resources?.limits?.memory ?? '0');
  if (memoryLimit === 0) throw new Error(`${spec.name} has no memory limit`);

  const startedAt = performance.now();
  const child = spawn(
    'unshare',
    [
      ...['--mount', '--pid', '--fork', '--kill-child=SIGKILL', '--propagation', 'private'],
      ...['sh', join(import.meta.dirname, 'container-root.sh'), root, launch.node, join(directory, 'mounts')],
      setprivOptions(security, image),
      String(memoryLimit + CODE_RANGE_BYTES + THREADS_BYTES),
      spec.workingDir ?? image.workdir,
      ...(spec.command ?? image.entrypoint),
      ...(args ?? spec.args ?? (spec.command === undefined ? image.command : [])),
    ],
    { env, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  running.add(child);
  const output = collectOutput(child);
  const pid = () => pidInside(child, spec.name);
  const memory = samplePeakMemory(pid);
  let end: Ended | undefined;
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => {
      running.delete(child);
      memory.stop();
      rmSync(directory, { recursive: true, force: true });
      end = { code, signal, ...output };
      resolve(end);
    });
  });
  return {
    name: spec.name,
    spec,
    env,
    startedAt,
    memoryLimit,
    ended,
    hasEnded: () => end !== undefined,
    log: () => output.stderr,
    pid,
    peakMemory: memory.peak,
    async stop() {
      const graceMs = (pod.terminationGracePeriodSeconds ?? 30) * 1_000;
      const askedAt = performance.now();
      process.kill(pid(), 'SIGTERM');
      const first = await Promise.race([ended, sleep(graceMs)]);
      if (first === undefined) child.kill('SIGKILL');
      return { ...(await ended), tookMs: Math.round(performance.now() - askedAt), isOverdue: first === undefined };
    },
    kill: () => void child.kill('SIGKILL'),
  };
}

function collectOutput(child: ChildProcessByStdio<null, Readable, Readable>): { stdout: string; stderr: string } {
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  return output;
}

/** The child of `unshare`, which is process 1 of the container. */
function pidInside(child: ChildProcess, name: string): number {
  const [first] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ');
  if (first === undefined || first === '') throw new Error(`${name} has no process`);
  return Number(first);
}

function samplePeakMemory(pid: () => number): { peak(): number; stop(): void } {
  let peak = 0;
  const timer = setInterval(() => {
    try {
      const [, kilobytes = '0'] = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid()}/status`, 'utf8')) ?? [];
      peak = Math.max(peak, Number(kilobytes) * 1024);
    } catch {
      // The process does not exist yet, or has exited.
    }
  }, 200);
  return { peak: () => peak, stop: () => clearInterval(timer) };
}

/** Arguments of `setpriv`. Settings that the manifest does not have stay unchanged. */
function setprivOptions(security: SecurityContext, image: Image): string {
  const uid = security.runAsUser ?? Number(image.user.split(':')[0]);
  if (!Number.isInteger(uid))
    throw new Error(`USER ${image.user} is not a number, so Kubernetes cannot enforce runAsNonRoot`);
  if (security.runAsNonRoot && uid === 0) throw new Error('runAsNonRoot is set, but the user is root');
  const gid = security.runAsGroup ?? Number(image.user.split(':')[1] ?? 0);
  const groups = security.fsGroup === undefined ? '--clear-groups' : `--groups=${security.fsGroup}`;
  const options = [`--reuid=${uid}`, `--regid=${gid}`, groups, '--inh-caps=-all'];
  if (security.capabilities?.drop?.includes('ALL') && security.capabilities.add === undefined)
    options.push('--bounding-set=-all');
  if (security.allowPrivilegeEscalation === false) options.push('--no-new-privs');
  return options.join(' ');
}

function mountLine(launch: Launch, pod: PodSpec, name: string, mountPath: string, directory: string): string {
  const volume = pod.volumes?.find((each) => each.name === name);
  if (volume === undefined) throw new Error(`the pod has no volume ${name}`);
  if (volume.emptyDir !== undefined) return `tmpfs ${bytesOf(volume.emptyDir?.sizeLimit ?? '64Mi')} ${mountPath}`;
  const files = join(directory, 'volumes', name);
  writeVolume(launch, volume, files, pod.securityContext?.fsGroup);
  return `bind ${files} ${mountPath}`;
}

/** Writes files as the kubelet does: owned by root, readable by fsGroup if set. */
function writeVolume(
  { manifests, replace }: Launch,
  { name, secret, configMap }: VolumeSpec,
  into: string,
  fsGroup?: number,
): void {
  const from = secret
    ? manifests.data('Secret', secret.secretName)
    : configMap
      ? manifests.data('ConfigMap', configMap.name)
      : undefined;
  if (from === undefined) throw new Error(`volume ${name} is neither emptyDir, secret nor configMap`);
  const items = (secret ?? configMap)?.items ?? Object.keys(from).map((key) => ({ key, path: key }));
  const mode = (secret?.defaultMode ?? 0o644) | (fsGroup === undefined ? 0 : 0o440);
  mkdirSync(into, { recursive: true, mode: 0o755 });
  for (const { key, path } of items) {
    const value = from[key];
    if (value === undefined) throw new Error(`volume ${name} needs the key ${key}, which does not exist`);
    const file = join(into, path);
    mkdirSync(dirname(file), { recursive: true, mode: 0o755 });
    writeFileSync(file, replace(key, value));
    chownSync(file, 0, fsGroup ?? 0);
    chmodSync(file, mode);
  }
}
