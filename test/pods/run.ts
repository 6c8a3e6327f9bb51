import { setTimeout as sleep } from 'node:timers/promises';
import { type Cluster, checkSuccess, deploy, describeEnd, type Pod, runPod, stop, untilReady } from './cluster.ts';
import { checkContainment } from './containment.ts';
import { environmentOf } from './environment.ts';
import { renderOverlay } from './manifests.ts';

const EQUAL_WITHIN_MS = 60_000;
const TRACK = 'lastseen-track';
const RECOMPUTE = 'lastseen-recompute';
const SWEEP = 'detect-inactivity';

export interface Run extends Omit<Cluster, 'manifests'> {
  readonly overlay: string;
}

/** From an empty database to figures in weekly_kpi. Each process is started by its manifest, and stopped under load. */
export async function runPods(run: Run): Promise<void> {
  const cluster: Cluster = { ...run, manifests: renderOverlay(run.overlay) };
  checkNodeVersion(cluster);
  await runJobs(cluster);
  checkPorts(cluster);
  const track = await deploy(cluster, TRACK);
  const recompute = await deploy(cluster, RECOMPUTE);
  for (const consumer of [track, recompute]) {
    await untilReady(cluster, consumer);
    checkContainment(cluster.checks, consumer.name, consumer.container);
  }
  await loadFirstRows(cluster);
  await sweepAndApprove(cluster);
  const nextRecompute = await restartRecompute(cluster, recompute);
  const nextTrack = await restartTrackUnderLoad(cluster, track);
  await untilReady(cluster, nextTrack);
  await untilReady(cluster, nextRecompute);
  await runCronJobs(cluster);
  await stop(cluster, nextTrack, 'at rest');
  await stop(cluster, nextRecompute, 'at rest');
}

function checkNodeVersion({ checks, image }: Cluster): void {
  const major = process.versions.node.split('.')[0];
  const isSame = new RegExp(`node\\D*${major}\\b`).test(image.base);
  checks.check('-', 'the image has the major version of Node that runs here', isSame, image.base);
}

async function runJobs(cluster: Cluster): Promise<void> {
  const { checks, manifests, platform } = cluster;
  await platform.applyRoles();
  for (const name of manifests.names('Job'))
    checkSuccess(checks, name, 'exits with 0', await runPod(cluster, 'Job', name));
  await platform.applyRoles();
}

async function loadFirstRows(cluster: Cluster): Promise<void> {
  const { platform } = cluster;
  await platform.connect();
  const load = platform.startLoad();
  await sleep(3_000);
  await load.stop();
  await checkEqual(cluster, 'after rows arrived through Debezium');
}

async function sweepAndApprove(cluster: Cluster): Promise<void> {
  const { checks, platform } = cluster;
  const held = await runPod(cluster, 'CronJob', SWEEP);
  const why = 'the first run is held, because it finds all inactive learners at once';
  checks.check(SWEEP, why, held.code === 3, describeEnd(held));
  const { rows } = await platform.database.query<{ id: string }>({
    text: `SELECT run_id::text AS id FROM lastseen.sweep_run WHERE status = 'held'`,
  });
  const approved = await runPod(cluster, 'CronJob', SWEEP, ['sweep', 'approve', String(rows[0]?.id)]);
  checkSuccess(checks, SWEEP, 'exits with 0 after a person approved it', approved);
}

async function restartRecompute(cluster: Cluster, recompute: Pod): Promise<Pod> {
  const { checks, platform } = cluster;
  await stop(cluster, recompute, 'while it answers events');
  const next = await deploy(cluster, RECOMPUTE);
  const episodes = await platform.count('lastseen.episode');
  const answered = await pollUntil(
    () => platform.count('weekly_kpi'),
    (seen) => seen === episodes,
  );
  const isComplete = episodes > 0 && answered === episodes;
  checks.check(
    RECOMPUTE,
    'answers every event after a restart',
    isComplete,
    `${answered} of ${episodes} in weekly_kpi`,
  );
  return next;
}

async function restartTrackUnderLoad(cluster: Cluster, track: Pod): Promise<Pod> {
  const { checks, platform } = cluster;
  const load = platform.startLoad();
  await sleep(1_500);
  await stop(cluster, track, 'under load');
  await sleep(1_000);
  const next = await deploy(cluster, TRACK);
  await sleep(1_000);
  await load.stop();
  await checkEqual(cluster, 'after a restart under load');
  const gaps = await platform.count('lastseen.track_gap');
  checks.check(TRACK, 'has no gap', gaps === 0, `${gaps} gaps`);
  return next;
}

/** The sweep completes, the audit finds no drift, doctor finds nothing wrong, and a replay raises nothing. */
async function runCronJobs(cluster: Cluster): Promise<void> {
  const { checks, manifests } = cluster;
  checkSuccess(checks, SWEEP, 'the next run exits with 0', await runPod(cluster, 'CronJob', SWEEP));
  for (const name of manifests.names('CronJob').filter((each) => each !== SWEEP)) {
    checkSuccess(checks, name, 'exits with 0', await runPod(cluster, 'CronJob', name));
  }
}

async function checkEqual({ checks, platform }: Cluster, when: string): Promise<void> {
  const { learners, differing } = await platform.untilEqual(EQUAL_WITHIN_MS);
  const isEqual = learners > 0n && differing === 0n;
  checks.check(TRACK, `last seen equals SQL ${when}`, isEqual, `${learners} learners, ${differing} differ`);
}

/** Checks the manifests' own port here, because containers get another one. */
function checkPorts({ checks: { check }, manifests }: Cluster): void {
  for (const name of [TRACK, RECOMPUTE]) {
    const [spec] = manifests.pod('Deployment', name).containers;
    if (spec === undefined) continue;
    const { HTTP_PORT: port } = environmentOf({ manifests, replace: (_, value) => value }, spec, {});
    const declared = spec.ports?.map(({ containerPort }) => String(containerPort)) ?? [];
    check(name, 'declares the port that it listens on', port !== undefined && declared.includes(port), port);
  }
}

/** @returns the last value, right or not. */
async function pollUntil<T>(look: () => Promise<T>, isRight: (seen: T) => boolean): Promise<T> {
  for (const deadline = Date.now() + EQUAL_WITHIN_MS; ; await sleep(150)) {
    const seen = await look();
    if (isRight(seen) || Date.now() > deadline) return seen;
  }
}
