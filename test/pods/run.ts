import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '../../stack/ports.ts';
import type { Checks } from './checks.ts';
import { type Container, type Ended, type Launch, startContainer } from './container.ts';
import { checkContainment } from './containment.ts';
import { environmentOf } from './environment.ts';
import type { Image } from './image.ts';
import { type Probing, probe } from './kubelet.ts';
import { type Manifests, renderOverlay } from './manifests.ts';
import type { Platform } from './platform.ts';

const EQUAL_WITHIN_MS = 60_000;

export interface Run {
  readonly checks: Checks;
  readonly platform: Platform;
  readonly image: Image;
  readonly overlay: string;
  /** Directory for the containers; the caller removes it. */
  readonly directory: string;
}

/** A Deployment's pod, running. */
interface Consumer {
  readonly container: Container;
  readonly probing: Probing;
}

/** From an empty database to figures in weekly_kpi, each process started as its manifest says, and stopped under load. */
export async function runPods(run: Run): Promise<void> {
  const { checks, platform, image } = run;
  const { check } = checks;
  const manifests = renderOverlay(run.overlay);
  const launch = async (): Promise<Launch> => ({
    image,
    manifests,
    directory: run.directory,
    node: process.execPath,
    replace: replacement(platform, String((await freePorts(1))[0])),
  });

  const once = async (kind: string, name: string, args?: readonly string[]): Promise<Ended> => {
    const pod = manifests.pod(kind, name);
    let ended: Ended | undefined;
    for (const spec of [...(pod.initContainers ?? []), ...pod.containers]) {
      const isMain = pod.containers.includes(spec);
      ended = await startContainer(await launch(), pod, spec, isMain ? args : undefined).ended;
      if (!isMain) check(name, `its ${spec.name} ends with 0`, ended.code === 0, said(ended));
    }
    if (ended === undefined) throw new Error(`${kind} ${name} has no container`);
    return ended;
  };
  const deploy = async (name: string): Promise<Consumer> => {
    const pod = manifests.pod('Deployment', name);
    for (const spec of pod.initContainers ?? []) {
      const ended = await startContainer(await launch(), pod, spec).ended;
      check(name, `its ${spec.name} ends with 0`, ended.code === 0, said(ended));
    }
    const [spec] = pod.containers;
    if (spec === undefined) throw new Error(`Deployment ${name} has no container`);
    const container = startContainer(await launch(), pod, spec);
    return { container, probing: probe(container) };
  };
  const untilReady = async (name: string, { container, probing }: Consumer) => {
    while (!probing.isReady && probing.failure === undefined && !container.hasEnded()) await sleep(50);
    const why = container.hasEnded() ? `ended: ${said(await container.ended)}` : probing.failure;
    check(name, 'becomes ready', probing.isReady, why ?? `after ${probing.readyAfterMs} ms`);
    if (!probing.isReady) throw new Error(`${name} is not ready: what would come next is not tried`);
  };
  const stopped = async (name: string, when: string, { container, probing }: Consumer) => {
    const alive = probing.answers.liveness;
    check(name, 'is never found dead', probing.failure === undefined && alive.wrong === 0, `${alive.right} answers`);
    probing.end();
    const end = await container.stop();
    const seen = `code ${end.code} after ${end.tookMs} ms`;
    check(name, `SIGTERM ${when} ends it within the grace period, with 0`, end.code === 0 && !end.isOverdue, seen);
    const [peak, limit] = [container.peakMemory(), container.memoryLimit].map((bytes) => Math.round(bytes / 2 ** 20));
    check(
      name,
      'stays below its memory limit',
      peak !== undefined && limit !== undefined && peak > 0 && peak < limit,
      `${peak} of ${limit} MiB`,
    );
  };
  const equal = async (when: string) => {
    const { learners, differing } = await platform.untilEqual(EQUAL_WITHIN_MS);
    check(
      'lastseen-track',
      `last seen equals SQL ${when}`,
      learners > 0n && differing === 0n,
      `${learners} learners, ${differing} differ`,
    );
  };

  const major = process.versions.node.split('.')[0];
  check(
    '-',
    'the image brings the Node that is used here',
    new RegExp(`node\\D*${major}\\b`).test(image.base),
    image.base,
  );

  await platform.applyRoles();
  for (const name of manifests.names('Job')) {
    const ended = await once('Job', name);
    check(name, 'ends with 0', ended.code === 0, said(ended));
  }
  await platform.applyRoles();

  checkPorts(checks, manifests);
  let track = await deploy('lastseen-track');
  let recompute = await deploy('lastseen-recompute');
  await untilReady('lastseen-track', track);
  await untilReady('lastseen-recompute', recompute);
  checkContainment(checks, 'lastseen-track', track.container);
  checkContainment(checks, 'lastseen-recompute', recompute.container);

  await platform.connect();
  const first = platform.startLoad();
  await sleep(3_000);
  await first.stop();
  await equal('after rows came through Debezium');

  const held = await once('CronJob', 'detect-inactivity');
  check(
    'detect-inactivity',
    'the first run is held, for it finds everybody who ever left',
    held.code === 3,
    said(held),
  );
  const { rows } = await platform.database.query<{ id: string }>({
    text: `SELECT run_id::text AS id FROM lastseen.sweep_run WHERE status = 'held'`,
  });
  const approved = await once('CronJob', 'detect-inactivity', ['sweep', 'approve', String(rows[0]?.id)]);
  check('detect-inactivity', 'approved by a person, ends with 0', approved.code === 0, said(approved));

  await stopped('lastseen-recompute', 'while it answers', recompute);
  recompute = await deploy('lastseen-recompute');
  const episodes = await platform.count('lastseen.episode');
  const answered = await until(
    async () => platform.count('weekly_kpi'),
    (seen) => seen === episodes,
  );
  check(
    'lastseen-recompute',
    'started again, answers each silence',
    episodes > 0 && answered === episodes,
    `${answered} of ${episodes} in weekly_kpi`,
  );

  const second = platform.startLoad();
  await sleep(1_500);
  await stopped('lastseen-track', 'under load', track);
  await sleep(1_000);
  track = await deploy('lastseen-track');
  await sleep(1_000);
  await second.stop();
  await equal('after a stop under load and a new start');
  const gaps = await platform.count('lastseen.track_gap');
  check('lastseen-track', 'has passed over no record', gaps === 0, `${gaps} gaps`);
  await untilReady('lastseen-track', track);
  await untilReady('lastseen-recompute', recompute);

  const swept = await once('CronJob', 'detect-inactivity');
  check('detect-inactivity', 'the next run ends with 0', swept.code === 0, said(swept));
  // The audit finds no drift, doctor nothing wrong, a replay nothing to raise.
  for (const name of manifests.names('CronJob').filter((each) => each !== 'detect-inactivity')) {
    const ended = await once('CronJob', name);
    check(name, 'ends with 0', ended.code === 0, said(ended));
  }
  await stopped('lastseen-track', 'at rest', track);
  await stopped('lastseen-recompute', 'at rest', recompute);
}

/** What of the manifests' settings is replaced: addresses, and the port, since containers share this machine's network. */
function replacement({ addresses }: Platform, port: string): Launch['replace'] {
  return (name, value) => {
    if (/^postgres(ql)?:\/\//.test(value)) {
      const url = new URL(addresses.databaseUrl);
      // The role stays the one of the manifest.
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

/** The port that is replaced here has to be the declared one there. */
function checkPorts({ check }: Checks, manifests: Manifests): void {
  for (const name of ['lastseen-track', 'lastseen-recompute']) {
    const [spec] = manifests.pod('Deployment', name).containers;
    if (spec === undefined) continue;
    const { HTTP_PORT: port } = environmentOf({ manifests, replace: (_, value) => value }, spec, {});
    const declared = spec.ports?.map(({ containerPort }) => String(containerPort)) ?? [];
    check(name, 'declares the port that it listens at', port !== undefined && declared.includes(port), port);
  }
}

async function until<T>(look: () => Promise<T>, right: (seen: T) => boolean): Promise<T> {
  for (const deadline = Date.now() + EQUAL_WITHIN_MS; ; await sleep(150)) {
    const seen = await look();
    if (right(seen) || Date.now() > deadline) return seen;
  }
}

/** The exit code, and the end of the log if it is not 0. */
function said({ code, signal, stderr }: Ended): string {
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return code === 0 ? 'code 0' : `code ${code ?? signal}: ${last.slice(0, 100)}`;
}
