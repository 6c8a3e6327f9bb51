import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { admits, keepNewest, type Letter, lettersOf } from '../../src/dead-letters/letters.ts';
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
  const [read] = lettersOf({ topic: 'dlq', partition: 0, records: [record], fromOffset: 0n, nextOffset: 0n });
  if (read === undefined) throw new Error('no letter');
  return read;
}
const letters = (count: number) => Array.from({ length: count }, (_, offset) => letter(offset));

/** Topics and a ledger that outlast any number of runs. */
function world() {
  const topic: (OutgoingRecord & { topic: string })[] = [];
  const marked = new Set<Letter>();
  const run = (changes: Partial<RedriveDeps> = {}) =>
    createRedrive({
      producer: {
        send: async (name, records) => void topic.push(...records.map((record) => ({ topic: name, ...record }))),
      },
      ledger: {
        redriven: async (asked) => new Set(asked.filter((each) => marked.has(each))),
        mark: async (done) => done.forEach((each) => void marked.add(each)),
      },
      partitions: new Map([['source', 3]]),
      dryRun: false,
      limit: Number.POSITIVE_INFINITY,
      ...changes,
    });
  return { topic, marked, run };
}

describe('redriving', () => {
  it('sends a letter to its first partition as it came, with its origin and one try more', async () => {
    const { topic, run } = world();
    const redrive = run();
    expect(await redrive.take([letter(4, { 'lastseen.attempts': '3', 'lastseen.retry': '3' })])).toBe(true);
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
    expect(redrive.counts).toMatchObject({ letters: 1, redriven: 1, redrivenBefore: 0, left: 0 });
  });

  it('sends none a second time, and what a filter or limit passed over later', async () => {
    const { topic, run } = world();
    const all = letters(20);
    expect(await run({ limit: 5 }).take(all)).toBe(false);
    await run().take(all.slice(10));
    const last = run();
    await last.take(all);
    expect(last.counts).toMatchObject({ letters: 20, redriven: 5, redrivenBefore: 15 });
    expect(topic.map(({ value }) => String(value)).sort()).toEqual(
      all.map(({ record }) => String(record.value)).sort(),
    );
  });

  it('loses nothing where it is killed between sending and marking, and repeats one portion at most a kill', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 7 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.boolean()), { maxLength: 5 }),
        async (count, portion, kills) => {
          const { topic, marked, run } = world();
          const all = letters(count);
          for (const [after, beforeSending] of kills) {
            let left = after;
            const killed = run({
              portion,
              producer: {
                send: async (name, records) => {
                  if (beforeSending && left === 0) throw new Killed();
                  topic.push(...records.map((record) => ({ topic: name, ...record })));
                },
              },
              ledger: {
                redriven: async (asked) => new Set(asked.filter((each) => marked.has(each))),
                mark: async (done) => {
                  if (left-- === 0) throw new Killed();
                  for (const each of done) marked.add(each);
                },
              },
            });
            await killed.take(all).catch((error) => expect(error).toBeInstanceOf(Killed));
          }
          await run({ portion }).take(all);
          const sent = topic.map(({ value }) => String(value));
          expect(new Set(sent)).toEqual(new Set(all.map(({ record }) => String(record.value))));
          expect(sent.length).toBeLessThanOrEqual(count + kills.length * portion);
        },
      ),
    );
  });

  it('writes nowhere but to the topics that are read, and says what it left', async () => {
    const { topic, run } = world();
    const left: string[] = [];
    const redrive = run({ onLeft: (_, why) => left.push(why) });
    await redrive.take([
      letter(0, { 'lastseen.origin.topic': 'payments' }),
      letter(1, { 'lastseen.origin.partition': '3' }),
      letter(2, { 'lastseen.origin.offset': 'somewhere' }),
      letter(3),
    ]);
    expect(left).toEqual([
      'payments is none of the topics that are read',
      'source has no partition 3',
      'its headers tell no origin',
    ]);
    expect(topic).toHaveLength(1);
    expect(redrive.counts).toMatchObject({ letters: 4, redriven: 1, left: 3 });
  });

  it('leaves a record alone that its topic refuses, and sends all others', async () => {
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
    await redrive.take(letters(8));
    expect(redrive.counts).toMatchObject({ redriven: 7, left: 1 });
    expect([topic.length, marked.size]).toEqual([7, 7]);
  });

  it('sends and marks nothing in a dry run', async () => {
    const { topic, marked, run } = world();
    const redrive = run({ dryRun: true, limit: 3 });
    expect(await redrive.take(letters(5))).toBe(false);
    expect(redrive.counts).toMatchObject({ redriven: 3 });
    expect([topic.length, marked.size]).toEqual([0, 0]);
  });
});

describe('letters', () => {
  it('are admitted by reason, time and first topic', () => {
    const one = letter(5);
    expect(admits({}, one)).toBe(true);
    expect(admits({ reason: 'missing_column', since: 1_005_000n, sourceTopic: 'source' }, one)).toBe(true);
    expect(admits({ since: 1_005_001n }, one)).toBe(false);
    expect(admits({ reason: 'bad_learner' }, one)).toBe(false);
    expect(admits({ sourceTopic: 'dlq' }, one)).toBe(false);
  });

  it('are kept newest first, without their content', () => {
    const newest = keepNewest(3);
    for (const each of letters(50)) newest.add(each);
    expect(newest.list().map(({ offset }) => offset)).toEqual([49n, 48n, 47n]);
    expect(newest.list()[0]?.record).toMatchObject({ key: null, value: null });
  });
});
