import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createNewestLetters, type Letter, matchesFilter, toLetters } from '../../src/dead-letters/letters.ts';
import { createRedrive, type RedriveDeps } from '../../src/dead-letters/redrive-pipeline.ts';
import type { OutgoingRecord } from '../../src/kafka/client/records.ts';
import { LastseenError } from '../../src/runtime/errors.ts';

class Killed extends Error {}

function letter(offset: number, headers: Record<string, string> = {}): Letter {
  const record = {
    key: Buffer.from('k'),
    value: Buffer.from(`v${offset}`),
    timestamp: String(1_000 + offset),
    offset: String(offset),
    headers: {
      trace: 't',
      'lastseen.origin.topic': 'source',
      'lastseen.origin.partition': String(offset % 3),
      'lastseen.origin.offset': String(offset * 10),
      'lastseen.origin.timestamp': '17',
      'lastseen.reason': 'missing_column',
      'lastseen.step': 'activity',
      'lastseen.detail': 'no column user_id',
      'lastseen.attempts': '1',
      ...headers,
    },
  };
  const [read] = toLetters({ topic: 'dlq', partition: 0, records: [record], fromOffset: 0n, nextOffset: 0n });
  if (read === undefined) throw new Error('no letter');
  return read;
}
const letters = (count: number) => Array.from({ length: count }, (_, offset) => letter(offset));

/** A topic and a ledger that several runs share. */
function world() {
  const topic: (OutgoingRecord & { topic: string })[] = [];
  const marked = new Set<Letter>();
  const run = (changes: Partial<RedriveDeps> = {}) =>
    createRedrive({
      producer: {
        send: async (name, records) => void topic.push(...records.map((record) => ({ topic: name, ...record }))),
      },
      ledger: {
        findRedriven: async (asked) => new Set(asked.filter((each) => marked.has(each))),
        markRedriven: async (done) => done.forEach((each) => void marked.add(each)),
      },
      partitions: new Map([['source', 3]]),
      dryRun: false,
      limit: Number.POSITIVE_INFINITY,
      ...changes,
    });
  return { topic, marked, run };
}

describe('redriving', () => {
  it('sends a letter unchanged to its original partition, with its origin and the next attempt number', async () => {
    const { topic, run } = world();
    const redrive = run();
    expect(await redrive.send([letter(4, { 'lastseen.attempts': '3', 'lastseen.retry': '3' })])).toBe(true);
    expect(topic).toEqual([
      {
        topic: 'source',
        partition: 1,
        key: Buffer.from('k'),
        value: Buffer.from('v4'),
        headers: {
          trace: 't',
          'lastseen.origin.topic': 'source',
          'lastseen.origin.partition': '1',
          'lastseen.origin.offset': '40',
          'lastseen.origin.timestamp': '17',
          'lastseen.attempts': '4',
        },
      },
    ]);
    expect(redrive.counts).toMatchObject({ letters: 1, redriven: 1, redrivenBefore: 0, rejected: 0 });
  });

  it('sends no letter twice, and later sends those that a filter or limit left out', async () => {
    const { topic, run } = world();
    const all = letters(20);
    expect(await run({ limit: 5 }).send(all)).toBe(false);
    await run().send(all.slice(10));
    const last = run();
    await last.send(all);
    expect(last.counts).toMatchObject({ letters: 20, redriven: 5, redrivenBefore: 15 });
    expect(topic.map(({ value }) => String(value)).sort()).toEqual(
      all.map(({ record }) => String(record.value)).sort(),
    );
  });

  it('loses nothing when killed between sending and marking, and repeats at most one batch per kill', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 7 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.boolean()), { maxLength: 5 }),
        async (count, batchSize, kills) => {
          const { topic, marked, run } = world();
          const all = letters(count);
          for (const [after, beforeSending] of kills) {
            let left = after;
            const killed = run({
              batchSize,
              producer: {
                send: async (name, records) => {
                  if (beforeSending && left === 0) throw new Killed();
                  topic.push(...records.map((record) => ({ topic: name, ...record })));
                },
              },
              ledger: {
                findRedriven: async (asked) => new Set(asked.filter((each) => marked.has(each))),
                markRedriven: async (done) => {
                  if (left-- === 0) throw new Killed();
                  for (const each of done) marked.add(each);
                },
              },
            });
            await killed.send(all).catch((error) => expect(error).toBeInstanceOf(Killed));
          }
          await run({ batchSize }).send(all);
          const sent = topic.map(({ value }) => String(value));
          expect(new Set(sent)).toEqual(new Set(all.map(({ record }) => String(record.value))));
          expect(sent.length).toBeLessThanOrEqual(count + kills.length * batchSize);
        },
      ),
    );
  });

  it.each(['-1', '1773000000000000000'])('sends a letter back whose record had the timestamp %s', async (timestamp) => {
    const { topic, run } = world();
    const redrive = run();
    await redrive.send([letter(0, { 'lastseen.origin.timestamp': timestamp })]);
    expect(redrive.counts).toMatchObject({ redriven: 1, rejected: 0 });
    expect(topic).toMatchObject([{ headers: { 'lastseen.origin.timestamp': timestamp } }]);
  });

  it('writes only to topics that lastseen reads, and reports why it rejects a letter', async () => {
    const { topic, run } = world();
    const reasons: string[] = [];
    const redrive = run({ onRejected: (_, why) => reasons.push(why) });
    await redrive.send([
      letter(0, { 'lastseen.origin.topic': 'payments' }),
      letter(1, { 'lastseen.origin.partition': '3' }),
      letter(2, { 'lastseen.origin.offset': 'somewhere' }),
      letter(3),
    ]);
    expect(reasons).toEqual([
      'payments is not a topic that lastseen reads',
      'source has no partition 3',
      'its headers contain no origin',
    ]);
    expect(topic).toHaveLength(1);
    expect(redrive.counts).toMatchObject({ letters: 4, redriven: 1, rejected: 3 });
  });

  it('rejects a record that the broker refuses, and sends all others', async () => {
    const { topic, marked, run } = world();
    const redrive = run({
      producer: {
        send: async (name, records) => {
          if (records.some(({ value }) => String(value) === 'v3'))
            throw new LastseenError('record_refused', 'too large');
          topic.push(...records.map((record) => ({ topic: name, ...record })));
        },
      },
    });
    await redrive.send(letters(8));
    expect(redrive.counts).toMatchObject({ redriven: 7, rejected: 1 });
    expect([topic.length, marked.size]).toEqual([7, 7]);
  });

  it('sends and marks nothing in a dry run', async () => {
    const { topic, marked, run } = world();
    const redrive = run({ dryRun: true, limit: 3 });
    expect(await redrive.send(letters(5))).toBe(false);
    expect(redrive.counts).toMatchObject({ redriven: 3 });
    expect([topic.length, marked.size]).toEqual([0, 0]);
  });
});

describe('letters', () => {
  it('are filtered by reason, time and original topic', () => {
    const one = letter(5);
    expect(matchesFilter({}, one)).toBe(true);
    expect(matchesFilter({ reason: 'missing_column', since: 1_005_000n, sourceTopic: 'source' }, one)).toBe(true);
    expect(matchesFilter({ since: 1_005_001n }, one)).toBe(false);
    expect(matchesFilter({ reason: 'bad_learner' }, one)).toBe(false);
    expect(matchesFilter({ sourceTopic: 'dlq' }, one)).toBe(false);
  });

  it('are kept newest first, without their content', () => {
    const newest = createNewestLetters(3);
    for (const each of letters(50)) newest.add(each);
    expect(newest.list().map(({ offset }) => offset)).toEqual([49n, 48n, 47n]);
    expect(newest.list()[0]?.record).toMatchObject({ key: null, value: null });
  });
});
