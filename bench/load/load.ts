import type { Message } from 'kafkajs';
import { CompressionTypes, Partitioners } from '../../src/kafka/client/driver.ts';
import { createRandom, type Random } from '../../stack/random.ts';
import type { Harness } from '../harness.ts';
import { type ActivityStream, uniformActivity } from './activity.ts';
import { type Envelopes, envelopesOf, type Row, type Table } from './envelopes.ts';
import type { ExpectedLastSeen } from './learners.ts';

/** A topic full of change records, and the expected result. */
export interface Load {
  readonly prefix: string;
  readonly table: Table;
  readonly topic: string;
  readonly records: number;
  readonly partitions: number;
  readonly expected: ExpectedLastSeen;
}

export interface LoadOptions {
  readonly prefix: string;
  readonly table: Table;
  readonly records: number;
  readonly learners: number;
  /** Default: 4. */
  readonly partitions?: number;
  /** Default: a month with all learners equally active. */
  readonly activity?: ActivityStream;
}

const MAX_SESSION_US = 3_600_000_000;
const SENDS_IN_FLIGHT = 8;
/**
 * Records per send, over four partitions. They give batches of about 40 and 27 records, as the connector wrote them for
 * two statements of 60,000 and 30,000 rows with the settings of stack/connector.json.
 */
const RECORDS_A_SEND: Readonly<Record<Table, number>> = { session: 160, exam_results: 110 };

/**
 * Creates the topics of a new prefix with the commands of lastseen, and fills one with records.
 */
export async function loadTopic(harness: Harness, options: LoadOptions): Promise<Load> {
  const { load, write } = await openLoad(harness, options);
  await write();
  return load;
}

/** The same in two steps: `write` fills the topic and resolves when all records are written. */
export async function openLoad(
  harness: Harness,
  options: LoadOptions,
): Promise<{ readonly load: Load; write(): Promise<void> }> {
  const { prefix, table, records, learners } = options;
  const topic = `${prefix}.public.${table}`;
  await harness.setUp(prefix, options.partitions);
  const envelopes = envelopesOf(table, prefix);
  const keyHeader = await headerOf(harness, `${topic}-key`, envelopes.keySchema);
  const valueHeader = await headerOf(harness, `${topic}-value`, envelopes.valueSchema);

  const activity = options.activity ?? uniformActivity(records, learners);
  const expected: ExpectedLastSeen = {
    userIds: activity.userIds,
    lastSeen: new BigInt64Array(activity.userIds.length),
  };
  const next = drawRecords(envelopes, table, activity, expected, keyHeader, valueHeader);
  const { length: partitions } = await harness.admin.fetchTopicOffsets(topic);
  const load = { prefix, table, topic, records, partitions, expected };
  return { load, write: () => writeRecords(harness, load, next) };
}

async function writeRecords(harness: Harness, load: Load, next: (n: number) => Made): Promise<void> {
  const { topic, table, records, expected } = load;
  const startedAt = performance.now();
  const producer = harness.kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  let bytes = 0;
  const sending = new Set<Promise<unknown>>();
  for (let made = 0; made < records; ) {
    const count = Math.min(RECORDS_A_SEND[table], records - made);
    const messages = Array.from({ length: count }, (_, n) => next(made + n));
    for (const { value } of messages) bytes += value.length;
    made += count;
    const sent = producer.send({ topic, acks: 1, compression: CompressionTypes.LZ4, messages });
    sending.add(sent);
    sent.then(
      () => sending.delete(sent),
      () => {},
    );
    if (sending.size >= SENDS_IN_FLIGHT) await Promise.race(sending);
  }
  await Promise.all(sending);
  await producer.disconnect();
  const seconds = (performance.now() - startedAt) / 1000;
  harness.note(
    `${topic}: ${records} records of ${Math.round(bytes / records)} bytes over ${expected.userIds.length} learners, written in ${seconds.toFixed(1)} s`,
  );
}

type Made = Message & { readonly value: Buffer };

function drawRecords(
  envelopes: Envelopes,
  table: Table,
  activity: ActivityStream,
  expected: ExpectedLastSeen,
  keyHeader: Buffer,
  valueHeader: Buffer,
): (n: number) => Made {
  const draw = createRandom('rows');
  return (n) => {
    const { learner, at, committedAt } = activity.next(n);
    const startedAt = at - BigInt(Math.floor(draw() * MAX_SESSION_US));
    if (at > (expected.lastSeen[learner] ?? 0n)) expected.lastSeen[learner] = at;
    const userId = expected.userIds[learner] ?? '';
    const row = table === 'session' ? sessionRow(n, userId, startedAt, at) : examRow(n, userId, startedAt, at, draw);
    return {
      key: Buffer.concat([keyHeader, envelopes.key(String(row['id']))]),
      value: Buffer.concat([valueHeader, envelopes.value(row, committedAt, n)]),
    };
  };
}

function sessionRow(n: number, userId: string, startedAt: bigint, endedAt: bigint): Row {
  return {
    id: rowId(n),
    classroom_id: `class-${n % 997}`,
    exam_id: `exam-${n % 89}`,
    started_at: zoned(startedAt),
    ended_at: zoned(endedAt),
    status: 'completed',
    created_at: zoned(startedAt),
    user_id: userId,
    org_id: 7,
  };
}

const QUESTIONS = 15;
const TOPICS = ['algebra', 'geometry', 'functions', 'probability', 'statistics', 'trigonometry'];

function examRow(n: number, userId: string, createdAt: bigint, updatedAt: bigint, draw: Random): Row {
  const questions = Array.from({ length: QUESTIONS }, () => ({
    question_id: 1 + Math.floor(draw() * 20_000),
    topic: TOPICS[Math.floor(draw() * TOPICS.length)],
    is_correct: draw() < 0.6,
    time_spent_sec: 5 + Math.floor(draw() * 90),
    used_hints: Math.floor(draw() * 3),
  }));
  return {
    id: rowId(n),
    session_id: `s-${rowId(n)}`,
    user_id: userId,
    exam_id: n % 89,
    status: 'completed',
    result_json: JSON.stringify({ questions }),
    score_raw: (draw() * 100).toFixed(2),
    score_scaled: (draw() * 500).toFixed(2),
    standard_error: draw().toFixed(3),
    percentile: (draw() * 100).toFixed(1),
    org_id: 7,
    created_at: zoned(createdAt),
    updated_at: zoned(updatedAt),
  };
}

function rowId(n: number): string {
  const hex = (Math.imul(n, 2_654_435_761) >>> 0).toString(16).padStart(8, '0');
  return `${hex}-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
}

const millisecond = { at: -1, text: '' };

/** As Debezium writes a timestamptz with microseconds. */
function zoned(at: bigint): string {
  const us = Number(at);
  const ms = Math.floor(us / 1000);
  if (ms !== millisecond.at) {
    millisecond.at = ms;
    millisecond.text = new Date(ms).toISOString().slice(0, -1);
  }
  return `${millisecond.text}${String(us % 1000).padStart(3, '0')}Z`;
}

/** Registers a schema and returns the five bytes before each value that is written with it. */
async function headerOf(harness: Harness, subject: string, schema: unknown): Promise<Buffer> {
  const response = await fetch(`${harness.addresses.registryUrl}/subjects/${encodeURIComponent(subject)}/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: JSON.stringify(schema) }),
  });
  const answer = (await response.json()) as { id?: number };
  if (answer.id === undefined) throw new Error(`the registry refused ${subject}: ${JSON.stringify(answer)}`);
  const header = Buffer.alloc(5);
  header.writeInt32BE(answer.id, 1);
  return header;
}
