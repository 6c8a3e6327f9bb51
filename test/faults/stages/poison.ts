import { committedPositions, endPositions } from '../../../src/kafka/admin/offsets.ts';
import { Partitioners } from '../../../src/kafka/client/driver.ts';
import type { Position } from '../../../src/kafka/client/records.ts';
import { isWireFormat, schemaIdOf } from '../../../src/registry/wire-format.ts';
import type { StartedCli } from '../../support/lastseen-cli.ts';
import { createTopic } from '../../support/new-topic.ts';
import { lossesAgainstSources } from '../../support/source-comparison.ts';
import { recordsOf } from '../../support/topic-records.ts';
import type { World } from '../../support/world.ts';
import { loadActivity, loadLearners } from '../activity-load.ts';
import { stage } from '../fault.ts';
import { envThroughProxies, type Harness } from '../harness.ts';
import { hugeJson, poison, type Sample } from '../poison.ts';
import { until } from '../waiting.ts';

/** Records that no healthy connector writes, mixed with real ones. */
interface PoisonStage {
  readonly harness: Harness;
  readonly world: World;
  readonly topic: string;
  readonly samples: readonly Sample[];
  close(): Promise<void>;
}

const RECORDS = 100_000;
const HUGE_RECORDS = 3;
const HUGE_MB = 10;
const LARGEST_BYTES = 11_000_000;
const LARGEST_BATCH_BYTES = 2_000_000;
const SAMPLES = 50;

async function open(harness: Harness): Promise<PoisonStage> {
  const world = await harness.openWorld();
  const topic = `${world.name}.public.session`;
  await createTopic(world.kafka, topic, { 'max.message.bytes': String(LARGEST_BYTES) });
  await world.prepare();
  await world.database.query({
    text: `
INSERT INTO session (id, user_id, started_at)
SELECT 's-decoy-' || n, 'decoy-' || n, timestamptz '2026-03-01Z' FROM generate_series(1, ${SAMPLES}) n`,
  });
  await world.connect();
  await world.waitForDelivery();
  const samples = await samplesOf(world, topic);
  await loadLearners(world);
  return { harness, world, topic, samples, close: () => world.close() };
}

async function samplesOf(world: World, topic: string): Promise<Sample[]> {
  const schemas = new Map<number, object>();
  const samples: Sample[] = [];
  for (const { value } of await recordsOf(world, topic)) {
    const schemaId = value !== null && isWireFormat(value) ? schemaIdOf(value) : undefined;
    if (value === null || schemaId === undefined) continue;
    if (!schemas.has(schemaId)) {
      const answer = await fetch(`${world.env['SCHEMA_REGISTRY_URL']}/schemas/ids/${schemaId}`);
      schemas.set(schemaId, JSON.parse(((await answer.json()) as { schema: string }).schema) as object);
    }
    samples.push({ value, schemaId, schema: schemas.get(schemaId) ?? {} });
  }
  return samples;
}

async function produce(world: World, topic: string, values: Iterable<Buffer>, between: () => Promise<void>) {
  const producer = world.kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  let messages: { key: string; value: Buffer }[] = [];
  let bytes = 0;
  const send = async () => {
    await producer.send({ topic, messages });
    messages = [];
    bytes = 0;
    await between();
  };
  let n = 0;
  for (const value of values) {
    messages.push({ key: `poison-${n++}`, value });
    bytes += value.length;
    if (messages.length === 2_000 || bytes > LARGEST_BATCH_BYTES) await send();
  }
  await send();
  await producer.disconnect();
}

type Counts = Readonly<Record<string, Readonly<Record<string, number>>>>;

function total(counts: Counts, which: (outcome: string) => boolean = () => true): number {
  const all = Object.values(counts).flatMap((outcomes) => Object.entries(outcomes));
  return all.filter(([outcome]) => which(outcome)).reduce((sum, [, records]) => sum + records, 0);
}

const isDeadLetter = (outcome: string) => outcome.startsWith('dead letter');

async function recordsIn(world: World, topics: readonly string[]): Promise<number> {
  return sum(await endPositions(world.kafka, topics));
}

const sum = (positions: readonly Position[]) => Number(positions.reduce((all, { nextOffset }) => all + nextOffset, 0n));

/** Compares only learners of the platform: rows of invented learners are deleted first. */
async function lossesOfRealLearners({ database }: World) {
  await database.query({
    text: `DELETE FROM lastseen.user_last_seen WHERE user_id NOT LIKE 'user-%' AND user_id IS NOT NULL`,
  });
  await database.query({ text: `DELETE FROM session WHERE user_id LIKE 'decoy-%'` });
  return lossesAgainstSources(database);
}

export const poisonStage = stage<PoisonStage>({
  name: 'poison',
  open,
  faults: [
    {
      name: 'poison',
      about: '100,000 fuzzed records among real ones: `track` survives, counts all, and applies the real ones',
      async inject({ harness, world, topic, samples }, n) {
        const sources = ['exam_results', 'features_topic_daily', 'attempt', 'session'].map(
          (t) => `${world.name}.public.${t}`,
        );
        const letters = world.env['TRACK_DLQ_TOPIC'] ?? '';
        const lettersBefore = await recordsIn(world, [letters]);
        const readBefore = sum(await committedPositions(world.kafka, `${world.name}-poison`, sources));
        const env = {
          ...envThroughProxies(harness.lastseenProxies, world, 'track'),
          KAFKA_GROUP_ID: `${world.name}-poison`,
          DLQ_MAX_SHARE: '1',
        };
        const track: StartedCli = world.start(env, 'track', '--json');
        let loads = 0;
        await produce(world, topic, poison(harness.random, samples, RECORDS), async () => {
          loads += 1;
          if (loads % 10 === 0) await loadActivity(world, `poison-${n}-${loads}`);
        });
        await produce(
          world,
          topic,
          Array.from({ length: HUGE_RECORDS }, () => hugeJson(HUGE_MB)),
          async () => {},
        );
        await world.waitForDelivery();
        const producedAt = performance.now();
        const inTopics = await recordsIn(world, sources);
        const applied = async () => {
          if (track.process.exitCode !== null)
            throw new Error(`track ended by itself: ${(await track.ended).stderr.slice(-2_000)}`);
          const { rows } = await world.database.query<{ applied: number }>({
            text: 'SELECT coalesce(sum(next_offset), 0)::int AS applied FROM lastseen.track_progress WHERE topic = ANY ($1)',
            values: [sources],
          });
          return rows[0]?.applied ?? 0;
        };
        await until(applied, (records) => records === inTopics, 180_000);
        const recoveryMs = Math.round(performance.now() - producedAt);
        track.process.kill('SIGTERM');
        const ended = await track.ended;
        if (ended.code !== 0) throw new Error(`track ended with ${ended.code}:\n${ended.stderr.slice(-2_000)}`);
        const { counts } = ended.json<{ counts: Counts }>();
        const read = total(counts);
        const dead = total(counts, isDeadLetter);
        const kept = (await recordsIn(world, [letters])) - lettersBefore;
        const { differing, lost } = await lossesOfRealLearners(world);
        // After a rebalance, records that were not committed are read, and counted, again.
        const unread = Math.max(0, inTopics - readBefore - read);
        return {
          records: read,
          lost: Number(lost) + unread + Math.max(0, dead - kept),
          wrong: Number(differing - lost),
          duplicates: Math.max(0, kept - dead),
          recoveryMs,
        };
      },
    },
    {
      name: 'share-limit',
      about:
        'more dead letters than DLQ_MAX_SHARE: `track` stops without committing them, and continues when the limit is raised',
      async inject({ harness, world, topic, samples }, n) {
        const env = {
          ...envThroughProxies(harness.lastseenProxies, world, 'track'),
          KAFKA_GROUP_ID: `${world.name}-poison`,
          SOURCES: 'session',
        };
        const spoilt = 400;
        const letters = world.env['TRACK_DLQ_TOPIC'] ?? '';
        await world.lastseenWith({ ...env, DLQ_MAX_SHARE: '1' }, 'track', '--until-end');
        const before = await recordsIn(world, [letters]);
        const renamed = Buffer.from(
          '{"op":"c","after":{"user_id":"poison","begun_at":"2026-03-01T00:00:00Z"},"source":{}}',
        );
        await produce(
          world,
          topic,
          Array.from({ length: spoilt }, () => renamed),
          async () => {},
        );
        const records = spoilt + (await loadActivity(world, `limit-${n}`));
        await world.waitForDelivery();
        const stopped = await world.lastseenWith(env, 'track', '--until-end', '--json');
        const atStop = (await recordsIn(world, [letters])) - before;
        const stoppedAt = performance.now();
        const lifted = await world.lastseenWith(
          { ...env, SOURCES: '', DLQ_MAX_SHARE: '1' },
          'track',
          '--until-end',
          '--json',
        );
        const kept = (await recordsIn(world, [letters])) - before;
        const { differing, lost } = await lossesOfRealLearners(world);
        const rightly = stopped.code === 1 && /DLQ_MAX_SHARE/.test(stopped.stderr) && lifted.code === 0;
        if (!rightly)
          console.error(
            `${samples.length} samples; ${stopped.code}: ${stopped.stderr}\n${lifted.code}: ${lifted.stderr}`,
          );
        return {
          records,
          lost: Number(lost) + Math.max(0, spoilt - kept),
          wrong: Number(differing - lost) + (rightly && atStop < spoilt ? 0 : 1),
          duplicates: Math.max(0, kept - spoilt),
          recoveryMs: Math.round(performance.now() - stoppedAt),
        };
      },
    },
  ],
});
