import { describe, expect, it } from 'vitest';
import { createDeadLetterSink } from '../../src/dead-letters/dead-letter.ts';
import type { OutgoingRecord, RawRecord } from '../../src/kafka/client/records.ts';
import { createRetrySink, retryDelay } from '../../src/recompute/retries.ts';

/** A consumer whose every attempt fails, with a record that has headers of another program. */
function failing() {
  const topics: Record<string, OutgoingRecord[]> = { retry: [], dlq: [] };
  const producer = {
    send: async (topic: string, records: readonly OutgoingRecord[]) => void topics[topic]?.push(...records),
  };
  let nowMs = 1_000;
  const deadLetters = createDeadLetterSink(producer, 'dlq');
  const sink = createRetrySink({ producer, topic: 'retry', delayMs: 300, nowMs: () => nowMs, deadLetters });
  const fail = (topic: string, record: RawRecord) =>
    sink.send([{ topic, partition: 7, record, reason: 'recompute_failed', step: 'recompute', detail: `at ${nowMs}` }]);
  return {
    topics,
    /** Fails the newest record of the retry topic, as it is read from there. */
    async again() {
      nowMs += 1_000;
      const newest = topics['retry']?.at(-1);
      if (newest === undefined) throw new Error('nothing to try again');
      await fail('retry', { ...asRead(newest), offset: '99', timestamp: '99' });
    },
    first: (headers: Record<string, string> = {}) =>
      fail('inactivity', { key: Buffer.from('k'), value: Buffer.from('v'), timestamp: '17', offset: '42', headers }),
  };
}

const asRead = ({ key, value, headers }: OutgoingRecord) => ({
  key: key as Buffer | null,
  value,
  ...(headers === undefined ? {} : { headers }),
});
const ORIGIN = {
  'lastseen.origin.topic': 'inactivity',
  'lastseen.origin.partition': '7',
  'lastseen.origin.offset': '42',
  'lastseen.origin.timestamp': '17',
};

describe('an event that always fails', () => {
  it('is retried three times, then becomes a dead letter, with its first origin and its attempts counted', async () => {
    const { topics, first, again } = failing();
    await first({ ce_id: 'x' });
    expect(topics['retry']).toEqual([
      {
        key: Buffer.from('k'),
        value: Buffer.from('v'),
        headers: {
          ce_id: 'x',
          ...ORIGIN,
          'lastseen.reason': 'recompute_failed',
          'lastseen.step': 'recompute',
          'lastseen.detail': 'at 1000',
          'lastseen.attempts': '2',
          'lastseen.retry': '1',
          'lastseen.not-before': '1300',
        },
      },
    ]);
    for (let n = 0; n < 3; n++) await again();
    expect(topics['retry']?.map(({ headers }) => headers?.['lastseen.attempts'])).toEqual(['2', '3', '4']);
    expect(topics['retry']?.map(({ headers }) => headers?.['lastseen.not-before'])).toEqual(['1300', '2300', '3300']);
    expect(topics['dlq']).toEqual([
      {
        key: Buffer.from('k'),
        value: Buffer.from('v'),
        headers: {
          ce_id: 'x',
          ...ORIGIN,
          'lastseen.reason': 'recompute_failed',
          'lastseen.step': 'recompute',
          'lastseen.detail': 'at 4000',
          'lastseen.attempts': '4',
        },
      },
    ]);
  });

  it('is retried three times again after a redrive, and its attempts are counted further', async () => {
    const { topics, first, again } = failing();
    await first({ ...ORIGIN, 'lastseen.origin.offset': '3', 'lastseen.attempts': '5', 'lastseen.retry': '3' });
    for (let n = 0; n < 3; n++) await again();
    expect(topics['retry']).toHaveLength(3);
    expect(topics['dlq']?.[0]?.headers).toMatchObject({ 'lastseen.origin.offset': '3', 'lastseen.attempts': '8' });
  });
});

describe('the delay', () => {
  const { notBeforeMs } = retryDelay('retry', () => 0);
  const record = (value: string) => ({
    key: null,
    value: null,
    timestamp: '0',
    offset: '0',
    headers: { 'lastseen.not-before': value },
  });

  it('applies to records of the retry topic that have a not-before header', () => {
    expect(notBeforeMs('retry', record('1300'))).toBe(1300);
    expect(notBeforeMs('inactivity', record('1300'))).toBe(undefined);
    expect(notBeforeMs('retry', record('soon'))).toBe(undefined);
  });
});
