import { Partitioners } from '../../../src/kafka/client/driver.ts';
import { createTopic } from '../../support/new-topic.ts';
import type { World } from '../../support/world.ts';
import { inactivityEvents } from '../events.ts';
import { stage } from '../fault.ts';
import type { Harness } from '../harness.ts';
import { sweepUntilDone } from '../sweeping.ts';
import { until } from '../waiting.ts';

/** Records of single learners that `track` cannot apply as they are. */
interface LettersStage {
  readonly world: World;
  readonly topic: string;
  close(): Promise<void>;
}

/** Brokers refuse timestamps far in the future unless the topic allows them. */
const ANY_TIMESTAMP = { 'message.timestamp.after.max.ms': '9223372036854775807' };
const WITHIN_MS = 60_000;

async function open(harness: Harness): Promise<LettersStage> {
  const world = await harness.openWorld();
  const topic = `${world.name}.public.session`;
  await createTopic(world.kafka, topic, ANY_TIMESTAMP);
  await world.prepare();
  await world.connect();
  return { world, topic, close: () => world.close() };
}

async function produce({ world, topic }: LettersStage, value: unknown, timestamp?: string): Promise<void> {
  const producer = world.kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const message = { key: 'k', value: JSON.stringify(value), partition: 0 };
  await producer.send({ topic, messages: [timestamp === undefined ? message : { ...message, timestamp }] });
  await producer.disconnect();
}

const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000);

/** Applies everything, with a command that ends. */
async function trackToEnd(world: World, env: Readonly<Record<string, string>> = {}): Promise<void> {
  await world.waitForDelivery();
  const run = await world.lastseenWith(env, 'track', '--until-end', '--json');
  if (run.code !== 0) throw new Error(`track ended with ${run.code}:\n${run.stderr}`);
}

async function crossed(world: World, name: string): Promise<ReadonlySet<string>> {
  const { events } = await inactivityEvents(world);
  const users = events.filter(({ phase, user_id }) => phase === 'CROSSED' && user_id.startsWith(`${name}-`));
  return new Set(users.map(({ user_id }) => user_id));
}

async function isOpen(world: World): Promise<boolean> {
  const open = 'SELECT FROM lastseen.dead_letter WHERE closed_at IS NULL';
  return (await world.database.query({ text: open })).count > 0;
}

/** Runs `work` while `track` applies; sweeps need its progress. */
async function besideTrack<T>(world: World, work: () => Promise<T>): Promise<T> {
  const track = world.start({}, 'track');
  try {
    return await work();
  } finally {
    track.process.kill('SIGTERM');
    await track.ended;
  }
}

export const lettersStage = stage<LettersStage>({
  name: 'letters',
  open,
  faults: [
    {
      name: 'dead-lettered-learner',
      about:
        'the return of a learner becomes a dead letter: the sweep leaves out that learner only, until a redrive applies it',
      async inject(state, n) {
        const { world } = state;
        const name = `letter-${n}`;
        await world.database.query({
          text: `
INSERT INTO session (id, user_id, started_at)
SELECT '${name}-' || u, '${name}-' || u, now() - interval '8 days' FROM unnest(ARRAY['back', 'silent']) u`,
        });
        await trackToEnd(world);
        // The source's clock was an hour behind its client's.
        const after = { user_id: `${name}-back`, started_at: hoursAgo(1).toISOString(), ended_at: null };
        await produce(state, { op: 'c', after, source: { ts_ms: hoursAgo(2).getTime() } });
        await trackToEnd(world);
        const swept = await besideTrack(world, () => sweepUntilDone(world));
        const { doubtful } = swept.json<{ doubtful: number }>();
        const flagged = await crossed(world, name);
        const repairedAt = performance.now();
        const redriven = await world.lastseen('dlq', 'redrive', '--json');
        if (redriven.code !== 0) throw new Error(`the redrive ended with ${redriven.code}:\n${redriven.stderr}`);
        await trackToEnd(world, { MAX_CLOCK_SKEW: '3h' });
        await besideTrack(world, () => sweepUntilDone(world));
        const later = await crossed(world, name);
        const wrong = [doubtful !== 1, flagged.has(`${name}-back`), later.has(`${name}-back`), await isOpen(world)];
        return {
          records: 3,
          lost: flagged.has(`${name}-silent`) ? 0 : 1,
          wrong: wrong.filter(Boolean).length,
          duplicates: 0,
          recoveryMs: Math.round(performance.now() - repairedAt),
        };
      },
    },
    {
      name: 'timestamp-nanoseconds',
      about:
        'a record whose Kafka timestamp is in nanoseconds: `track` applies it, and what follows, also after a restart',
      async inject(state, n) {
        const { world } = state;
        const name = `nano-${n}`;
        const seen = async () => {
          const rows = `SELECT FROM lastseen.user_last_seen WHERE user_id LIKE '${name}-%' AND session_at > now() - interval '2 hours'`;
          return (await world.database.query({ text: rows })).count;
        };
        const row = (user: string) => ({
          user_id: `${name}-${user}`,
          started_at: hoursAgo(1).toISOString(),
          ended_at: null,
        });
        const startedAt = performance.now();
        const track = world.start({}, 'track');
        await produce(state, { ...row('a'), __source_ts_ms: Date.now() }, '1773000000000000000');
        await produce(state, row('b'), '1773000000000000000');
        const { seen: first } = await until(seen, (count) => count === 2, WITHIN_MS);
        track.process.kill('SIGTERM');
        const ended = await track.ended;
        await produce(state, row('c'));
        await trackToEnd(world);
        return {
          records: 3,
          lost: Math.max(0, 3 - (await seen())),
          wrong: (first === 2 ? 0 : 1) + (ended.code === 0 ? 0 : 1) + ((await isOpen(world)) ? 1 : 0),
          duplicates: 0,
          recoveryMs: Math.round(performance.now() - startedAt),
        };
      },
    },
  ],
});
