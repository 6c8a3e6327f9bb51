import type { Admin } from 'kafkajs';
import { recreateTopic } from '../../support/recreate-topic.ts';
import { lossesAgainstSources } from '../../support/source-comparison.ts';
import type { World } from '../../support/world.ts';
import { loadActivity, loadLearners } from '../activity-load.ts';
import { inactivityEvents } from '../events.ts';
import { type Fault, stage } from '../fault.ts';
import { envThroughProxies, type Harness, keepRunning, type Service } from '../harness.ts';
import { until } from '../waiting.ts';

/**
 * Unread records are gone, belong to another topic, or are in new partitions. No sweep may run over such a gap without an
 * alarm, and the recovery of docs/operations/audit-and-replay.md must repair the table.
 */
interface TopicStage {
  readonly harness: Harness;
  readonly world: World;
  readonly topic: string;
  start(): Service;
  close(): Promise<void>;
}

const SETTLES_WITHIN_MS = 90_000;

async function open(harness: Harness): Promise<TopicStage> {
  const world = await harness.openWorld();
  await world.prepare();
  await loadLearners(world);
  await world.connect();
  return {
    harness,
    world,
    topic: `${world.name}.public.session`,
    start: () => keepRunning(world, envThroughProxies(harness.lastseenProxies, world, 'track'), 'track'),
    close: () => world.close(),
  };
}

const isRight = ({ differing }: { readonly differing: bigint }) => differing === 0n;
const losses = ({ world }: TopicStage) => lossesAgainstSources(world.database);

async function withAdmin<T>({ world }: TopicStage, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = world.kafka.admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Runs `track` until it has applied everything. */
async function catchUp(on: TopicStage): Promise<void> {
  await on.world.waitForDelivery();
  const run = await on.world.lastseen('track', '--until-end');
  if (run.code !== 0) throw new Error(`track ended with ${run.code}:\n${run.stderr}`);
}

/** Repeats the audit while it reports "not fresh", until `track` has read the new topic. */
async function repair(world: World): Promise<void> {
  const { seen } = await until(
    () => world.lastseen('audit', '--repair', '--json'),
    ({ code }) => code !== 75,
    SETTLES_WITHIN_MS,
  );
  if ((seen.code ?? 2) > 1) throw new Error(`audit --repair ended with ${seen.code}:\n${seen.stderr}`);
}

/** Sweeps until one completes. If `track` finds another gap, the audit is repeated. */
async function sweepUntilComplete(world: World, alarm: RegExp | undefined): Promise<void> {
  const { seen } = await until(
    async () => {
      const run = await world.lastseen('sweep', '--json');
      if (run.code === 75 && alarm?.test(run.stderr)) await repair(world);
      return run;
    },
    ({ code }) => code === 0,
    SETTLES_WITHIN_MS,
  );
  if (seen.code !== 0) throw new Error(`no sweep completed:\n${seen.stderr}`);
}

/**
 * Changes the topic while `track` is stopped, then starts `track`.
 *
 * @param alarm the message with which a sweep must refuse if records are lost; undefined: none are, and it must complete.
 * @param change returns the number of records written.
 */
function gap(
  name: string,
  about: string,
  alarm: RegExp | undefined,
  change: (on: TopicStage, n: number) => Promise<number>,
): Fault<TopicStage> {
  return {
    name,
    about,
    async inject(on, n) {
      const { world } = on;
      await catchUp(on);
      const before = await inactivityEvents(world);
      const records = await change(on, n);
      await world.waitForDelivery();
      const track = on.start();
      try {
        const startedAt = performance.now();
        let unalarmed = 0;
        if (alarm !== undefined) {
          const refused = await world.lastseen('sweep', '--wait-fresh', '2m', '--json');
          const { events } = await inactivityEvents(world);
          const rightly = refused.code === 75 && alarm.test(refused.stderr);
          if (!rightly) console.error(`the sweep ended with ${refused.code}:\n${refused.stderr}`);
          unalarmed = (rightly ? 0 : 1) + events.length - before.events.length;
          await repair(world);
        }
        const settled = await until(() => losses(on), isRight, SETTLES_WITHIN_MS);
        await sweepUntilComplete(world, alarm);
        const { differing, lost } = settled.seen;
        if (differing > 0n) console.error(track.ends.slice(-3).join('\n'));
        return {
          records,
          lost: Number(lost),
          wrong: Number(differing - lost) + unalarmed,
          duplicates: 0,
          recoveryMs: Math.round(performance.now() - startedAt),
        };
      } finally {
        await track.stop();
      }
    },
  };
}

export const topicStage = stage<TopicStage>({
  name: 'topics',
  open,
  faults: [
    gap(
      'records-expired',
      'records deleted before `track` read them: the sweep must refuse, and an audit must repair last seen',
      /not fresh: session: .* were removed before they were read/,
      async (on, n) => {
        const records = await loadActivity(on.world, `expired-${n}`);
        await on.world.waitForDelivery();
        await withAdmin(on, async (admin) => {
          const ends = await admin.fetchTopicOffsets(on.topic);
          const partitions = ends.map(({ partition, high }) => ({ partition, offset: high }));
          await admin.deleteTopicRecords({ topic: on.topic, partitions });
        });
        return records + (await loadActivity(on.world, `after-expired-${n}`));
      },
    ),
    gap(
      'topic-recreated',
      'a topic deleted with unread records and created again: the sweep must refuse, and an audit must repair last seen',
      /not fresh: session: .*(topic recreated|the topic was)/,
      async (on, n) => {
        const records = await loadActivity(on.world, `recreated-${n}`);
        await on.world.waitForDelivery();
        await on.world.pause();
        await withAdmin(on, (admin) => recreateTopic(admin, on.topic));
        await on.world.resume();
        return records + (await loadActivity(on.world, `after-recreated-${n}`));
      },
    ),
    gap(
      'offsets-expired',
      'the group loses its offsets but no records: they are read again, without loss or alarm',
      undefined,
      async (on, n) => {
        await withAdmin(on, (admin) => admin.deleteGroups([on.world.groupOf('track')]));
        return loadActivity(on.world, `offsets-${n}`);
      },
    ),
    gap(
      'partitions-added',
      'partitions added to a topic: their records are read, and no sweep runs before',
      undefined,
      async (on, n) => {
        await withAdmin(on, async (admin) => {
          const { topics } = await admin.fetchTopicMetadata({ topics: [on.topic] });
          const count = (topics[0]?.partitions.length ?? 4) + 1;
          await admin.createPartitions({ topicPartitions: [{ topic: on.topic, count }] });
        });
        return loadActivity(on.world, `partitions-${n}`);
      },
    ),
  ],
});
