import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../../stack/ports.ts';
import type { Checks } from './checks.ts';
import { type Container, type Ended, type Launch, startContainer } from './container.ts';
import type { Image } from './image.ts';
import { type Probing, probe } from './kubelet.ts';
import type { ContainerSpec, Manifests, PodSpec } from './manifests.ts';
import type { Platform } from './platform.ts';

const READY_WITHIN_MS = 120_000;
const EXIT_WITHIN_MS = 300_000;

/** What starting a pod needs. */
export interface Cluster {
  readonly checks: Checks;
  readonly platform: Platform;
  readonly image: Image;
  readonly manifests: Manifests;
  /** Directory for the containers; the caller removes it. */
  readonly directory: string;
}

/** The running pod of a Deployment. */
export interface Pod {
  readonly name: string;
  readonly container: Container;
  readonly probing: Probing;
}

/** Runs a pod to its end. @param args instead of the arguments of its main container. */
export async function runPod(cluster: Cluster, kind: string, name: string, args?: readonly string[]): Promise<Ended> {
  const pod = cluster.manifests.pod(kind, name);
  await runInitContainers(cluster, name, pod);
  let ended: Ended | undefined;
  for (const spec of pod.containers) ended = await runContainer(cluster, pod, spec, args);
  if (ended === undefined) throw new Error(`${kind} ${name} has no container`);
  return ended;
}

export async function deploy(cluster: Cluster, name: string): Promise<Pod> {
  const pod = cluster.manifests.pod('Deployment', name);
  await runInitContainers(cluster, name, pod);
  const [spec] = pod.containers;
  if (spec === undefined) throw new Error(`Deployment ${name} has no container`);
  const container = startContainer(await launch(cluster), pod, spec);
  return { name, container, probing: probe(container) };
}

async function runInitContainers(cluster: Cluster, name: string, pod: PodSpec): Promise<void> {
  for (const spec of pod.initContainers ?? []) {
    const ended = await runContainer(cluster, pod, spec);
    checkSuccess(cluster.checks, name, `its ${spec.name} exits with 0`, ended);
  }
}

/** Kills the container if it does not exit in time. */
async function runContainer(
  cluster: Cluster,
  pod: PodSpec,
  spec: ContainerSpec,
  args?: readonly string[],
): Promise<Ended> {
  const { ended, kill } = startContainer(await launch(cluster), pod, spec, args);
  const timer = setTimeout(kill, EXIT_WITHIN_MS);
  return ended.finally(() => clearTimeout(timer));
}

async function launch({ image, manifests, directory, platform }: Cluster): Promise<Launch> {
  const replace = replacement(platform, String((await freePorts(1))[0]));
  return { image, manifests, directory, node: process.execPath, replace };
}

export async function untilReady({ checks }: Cluster, { name, container, probing }: Pod): Promise<void> {
  const isUndecided = () => !probing.isReady && probing.failure === undefined && !container.hasEnded();
  for (const deadline = Date.now() + READY_WITHIN_MS; isUndecided() && Date.now() < deadline; ) await sleep(50);
  const why = container.hasEnded() ? `exited: ${describeEnd(await container.ended)}` : probing.failure;
  const readyAfter = `after ${probing.readyAfterMs ?? READY_WITHIN_MS} ms`;
  checks.check(name, 'becomes ready', probing.isReady, why ?? readyAfter);
  if (!probing.isReady) throw new Error(`${name} is not ready: the remaining checks do not run`);
}

export async function stop({ checks: { check } }: Cluster, pod: Pod, when: string): Promise<void> {
  const { name, container, probing } = pod;
  const { right, wrong } = probing.answers.liveness;
  check(name, 'never fails its liveness probe', probing.failure === undefined && wrong === 0, `${right} answers`);
  probing.end();
  const end = await container.stop();
  const inTime = end.code === 0 && !end.isOverdue;
  check(
    name,
    `exits with 0 within the grace period after SIGTERM ${when}`,
    inTime,
    `code ${end.code} after ${end.tookMs} ms`,
  );
  const [peak, limit] = [container.peakMemory(), container.memoryLimit].map((bytes) => Math.round(bytes / 2 ** 20));
  const isBelow = peak !== undefined && limit !== undefined && peak > 0 && peak < limit;
  check(name, 'stays below its memory limit', isBelow, `${peak} of ${limit} MiB`);
}

export function checkSuccess({ check }: Checks, name: string, what: string, ended: Ended): void {
  check(name, what, ended.code === 0, describeEnd(ended));
}

/** The exit code, and the end of the log if it is not 0. */
export function describeEnd({ code, signal, stderr }: Ended): string {
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return code === 0 ? 'code 0' : `code ${code ?? signal}: ${last.slice(0, 100)}`;
}

/** Replaces settings of the manifests: addresses, and the port, because containers share this machine's network. */
function replacement({ addresses }: Platform, port: string): Launch['replace'] {
  return (name, value) => {
    if (/^postgres(ql)?:\/\//.test(value)) {
      const url = new URL(addresses.databaseUrl);
      // The role remains that of the manifest.
      url.username = new URL(value).username;
      return url.href;
    }
    switch (name) {
      case 'KAFKA_BROKERS':
        return addresses.brokers;
      case 'SCHEMA_REGISTRY_URL':
        return addresses.registryUrl;
      case 'CONNECT_URL':
        return addresses.connectUrl;
      case 'HTTP_PORT':
        return port;
      default:
        return value;
    }
  };
}
