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
async function catchUp(state: TopicStage): Promise<void> {
  await state.world.waitForDelivery();
  const run = await state.world.lastseen('track', '--until-end');
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
  change: (state: TopicStage, n: number) => Promise<number>,
): Fault<TopicStage> {
  return {
    name,
    about,
    async inject(state, n) {
      const { world } = state;
      await catchUp(state);
      const before = await inactivityEvents(world);
      const records = await change(state, n);
      await world.waitForDelivery();
      const track = state.start();
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
        const settled = await until(() => losses(state), isRight, SETTLES_WITHIN_MS);
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
      async (state, n) => {
        const records = await loadActivity(state.world, `expired-${n}`);
        await state.world.waitForDelivery();
        await withAdmin(state, async (admin) => {
          const ends = await admin.fetchTopicOffsets(state.topic);
          const partitions = ends.map(({ partition, high }) => ({ partition, offset: high }));
          await admin.deleteTopicRecords({ topic: state.topic, partitions });
        });
        return records + (await loadActivity(state.world, `after-expired-${n}`));
      },
    ),
    gap(
      'topic-recreated',
      'a topic deleted with unread records and created again: the sweep must refuse, and an audit must repair last seen',
      /not fresh: session: .*(topic recreated|the topic was)/,
      async (state, n) => {
        const records = await loadActivity(state.world, `recreated-${n}`);
        await state.world.waitForDelivery();
        await state.world.pause();
        await withAdmin(state, (admin) => recreateTopic(admin, state.topic));
        await state.world.resume();
        return records + (await loadActivity(state.world, `after-recreated-${n}`));
      },
    ),
    gap(
      'offsets-expired',
      'the group loses its offsets but no records: they are read again, without loss or alarm',
      undefined,
      async (state, n) => {
        await withAdmin(state, (admin) => admin.deleteGroups([state.world.groupOf('track')]));
        return loadActivity(state.world, `offsets-${n}`);
      },
    ),
    gap(
      'partitions-added',
      'partitions added to a topic: their records are read, and no sweep runs before',
      undefined,
      async (state, n) => {
        await withAdmin(state, async (admin) => {
          const { topics } = await admin.fetchTopicMetadata({ topics: [state.topic] });
          const count = (topics[0]?.partitions.length ?? 4) + 1;
          await admin.createPartitions({ topicPartitions: [{ topic: state.topic, count }] });
        });
        return loadActivity(state.world, `partitions-${n}`);
      },
    ),
  ],
});
