import { createProducer } from '../../../src/kafka/client/producer.ts';
import type { CliRun } from '../../support/lastseen-cli.ts';
import { openTransaction } from '../../support/open-transaction.ts';
import { lossesAgainstSources } from '../../support/source-comparison.ts';
import { recordsOf } from '../../support/topic-records.ts';
import type { World } from '../../support/world.ts';
import { inactivityEvents } from '../events.ts';
import { type Outcome, stage } from '../fault.ts';
import type { Harness } from '../harness.ts';
import { sweepUntilDone } from '../sweeping.ts';
import { openTracked, type TrackedWorld } from '../tracked-world.ts';
import { until } from '../waiting.ts';

/** Records of other producers: hidden behind an open transaction, removed before the first reading, or odd. */
interface UnreadStage extends TrackedWorld {
  readonly topic: string;
}

const APPLIED_WITHIN_MS = 60_000;

async function open(harness: Harness): Promise<UnreadStage> {
  // Many injections of letters are more than the share that `track` accepts.
  const tracked = await openTracked(harness, { DLQ_MAX_SHARE: '1' });
  return { ...tracked, topic: `${tracked.world.name}.public.session` };
}

const insertSession = ({ database }: World, learner: string, ago: string) =>
  database.query({
    text: 'INSERT INTO session (id, user_id, started_at) VALUES (gen_random_uuid(), $1, now() - $2::interval)',
    values: [learner, ago],
  });

async function untilSeen({ world, track }: Pick<UnreadStage, 'world' | 'track'>, learner: string): Promise<void> {
  const find = () =>
    world.database.query({ text: 'SELECT FROM lastseen.user_last_seen WHERE user_id = $1', values: [learner] });
  const { seen } = await until(find, ({ count }) => count > 0, APPLIED_WITHIN_MS);
  if (seen.count === 0) throw new Error(`track did not apply the session of ${learner}: ${track.ends.join(' | ')}`);
}

/** One learner's only attempt was captured and removed; the table has it. */
async function emptiedBeforeFirstRead(world: World, n: number): Promise<Outcome> {
  const topic = `${world.name}.public.attempt`;
  await world.prepare();
  await world.connect();
  await insertSession(world, `present-${n}`, '2 days');
  await world.database.query({
    text: `INSERT INTO attempt (id, student_id, completed_at) SELECT g, gen_random_uuid(), now() - interval '2 days' FROM generate_series(1, 40) g`,
  });
  await world.waitForDelivery();
  const admin = world.kafka.admin();
  await admin.connect();
  const ends = await admin.fetchTopicOffsets(topic);
  await admin.deleteTopicRecords({
    topic,
    partitions: ends.map(({ partition, high }) => ({ partition, offset: high })),
  });
  await admin.disconnect();
  const track = world.start({}, 'track');
  const startedAt = performance.now();
  const refused = await world.lastseen('sweep', '--wait-fresh', '30s', '--json');
  const rightly = refused.code === 75 && /were removed before it was read for the first time/.test(refused.stderr);
  if (!rightly) console.error(`the sweep ended with ${refused.code}:\n${refused.stderr}`);
  const repaired = await world.lastseen('audit', '--repair', '--wait-fresh', '30s', '--json');
  if (repaired.code !== 0 && repaired.code !== 1)
    console.error(`the audit ended with ${repaired.code}:\n${repaired.stderr}`);
  const swept = await world.lastseen('sweep', '--wait-fresh', '30s', '--json');
  if (swept.code !== 0) console.error(`the sweep ended with ${swept.code}:\n${swept.stderr}`);
  const recoveryMs = Math.round(performance.now() - startedAt);
  track.process.kill('SIGTERM');
  await track.ended;
  const { differing, lost } = await lossesAgainstSources(world.database);
  const refusals = [rightly, repaired.code === 0 || repaired.code === 1, swept.code === 0].filter((right) => !right);
  return {
    records: 41,
    lost: Number(lost),
    wrong: Number(differing - lost) + refusals.length,
    duplicates: 0,
    recoveryMs,
  };
}

const HIDDEN = /an open transaction hides \d+ records, from offset \d+ on.*kafka-transactions.sh .* --start-offset \d+/;

/** Runs the command again while it ends because the connector, on a busy machine, was slower than the command waits. */
async function onceDelivered(run: () => Promise<CliRun>): Promise<CliRun> {
  for (let tries = 1; ; tries++) {
    const ended = await run();
    if (tries === 6 || !/the connector has not delivered/.test(ended.stderr)) return ended;
  }
}

export const unreadStage = stage<UnreadStage>({
  name: 'unread',
  open,
  faults: [
    {
      name: 'open-transaction',
      about:
        'an open transaction hides the return of a learner: sweep, audit and `track --until-end` must end with 75 and name it',
      async inject({ world, topic, track }, n) {
        const learner = `hidden-${n}`;
        await insertSession(world, learner, '10 days');
        await untilSeen({ world, track }, learner);
        const transaction = await openTransaction(world, topic, `${world.name}-${n}`);
        await insertSession(world, learner, '1 hour');
        await world.waitForDelivery();
        const refused = [
          await onceDelivered(() => world.lastseen('sweep', '--wait-fresh', '5s', '--json')),
          await onceDelivered(() => world.lastseen('audit', '--wait-fresh', '5s', '--json')),
          await onceDelivered(() => world.lastseenWith({ WAIT_FRESH: '5s' }, 'track', '--until-end', '--json')),
        ];
        const wrongly = refused.filter(({ code, stderr }) => code !== 75 || !HIDDEN.test(stderr));
        for (const { code, stderr } of wrongly) console.error(`a command ended with ${code}:\n${stderr}`);
        await transaction.commit();
        const endedAt = performance.now();
        await sweepUntilDone(world);
        const recoveryMs = Math.round(performance.now() - endedAt);
        const { events, duplicates } = await inactivityEvents(world);
        const flagged = events.filter(({ user_id }) => user_id === learner);
        return { records: 1, lost: 0, wrong: wrongly.length + flagged.length, duplicates, recoveryMs };
      },
    },
    {
      name: 'emptied-before-first-read',
      about:
        'partitions without a record that `track` could read: the sweep must refuse, and an audit must repair last seen',
      async inject({ harness }, n) {
        const world = await harness.openWorld();
        try {
          return await emptiedBeforeFirstRead(world, n);
        } finally {
          await world.close();
        }
      },
    },
    {
      name: 'two-installations',
      about:
        'a second installation with the same consumer group on the same brokers: its `track` must be refused, and the first goes on',
      async inject({ harness, world, track }, n) {
        const second = await harness.openWorld();
        try {
          await second.prepare();
          const endsBefore = track.ends.length;
          const group = { KAFKA_GROUP_ID: world.groupOf('track') };
          const startedAt = performance.now();
          const refused = await second.lastseenWith(group, 'track', '--until-end');
          const rightly =
            refused.code === 2 && /belongs to another command or installation; set KAFKA_GROUP_ID/.test(refused.stderr);
          if (!rightly) console.error(`the second track ended with ${refused.code}:\n${refused.stderr}`);
          await insertSession(world, `first-${n}`, '1 hour');
          await untilSeen({ world, track }, `first-${n}`);
          const recoveryMs = Math.round(performance.now() - startedAt);
          return {
            records: 1,
            lost: 0,
            wrong: (rightly ? 0 : 1) + track.ends.length - endsBefore,
            duplicates: 0,
            recoveryMs,
          };
        } finally {
          await second.close();
        }
      },
    },
    {
      name: 'null-header',
      about:
        'an undecodable record with a header whose value is null: it becomes a dead letter with that header, also after a redrive',
      async inject({ world, topic, track }, n) {
        const letters = world.env['TRACK_DLQ_TOPIC'] ?? '';
        const id = `null-header-${n}`;
        const isOurs = (record: { readonly key: Buffer | null }) => record.key?.toString() === id;
        const kept = async () => (await recordsOf(world, letters)).filter(isOurs);
        const producer = createProducer(world.kafka);
        await producer.send(topic, [
          { key: id, value: Buffer.from('no JSON'), headers: { none: null, several: [null, 'text'] } },
        ]);
        await producer.close();
        const sentAt = performance.now();
        await until(kept, (found) => found.length === 1, APPLIED_WITHIN_MS);
        await insertSession(world, id, '1 hour');
        await untilSeen({ world, track }, id);
        const recoveryMs = Math.round(performance.now() - sentAt);
        const redriven = await world.lastseen('dlq', 'redrive', '--json');
        const { seen } = await until(kept, (found) => found.length === 2, APPLIED_WITHIN_MS);
        const withHeaders = seen.filter(
          ({ headers }) => headers?.['none'] === null && String(headers['several']) === ',text',
        );
        const wrong = seen.length - withHeaders.length + (redriven.code === 0 ? 0 : 1);
        return { records: 1, lost: 2 - seen.length, wrong, duplicates: 0, recoveryMs };
      },
    },
  ],
});
