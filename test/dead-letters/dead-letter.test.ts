import { describe, expect, it } from 'vitest';
import { createDeadLetterWindow, failureRecord, withLetterReports } from '../../src/dead-letters/dead-letter.ts';
import { createMetrics } from '../../src/observability/metrics.ts';

describe('the dead-letter limit', () => {
  const exceededAt = (
    limit: ReturnType<typeof createDeadLetterWindow>,
    letters: (n: number) => boolean,
    records: number,
  ) => {
    for (let n = 0; n < records; n++) if (limit.exceededAfter(letters(n))) return n;
    return undefined;
  };

  it('is never exceeded by exactly 5 %', () => {
    expect(exceededAt(createDeadLetterWindow(0.05), (n) => n % 20 === 0, 100_000)).toBe(undefined);
  });

  it('is exceeded by a larger share of the last 1,000 records', () => {
    // From record 5,000 on all are bad: the 51st is more than 5 % of 1,000.
    expect(exceededAt(createDeadLetterWindow(0.05), (n) => n >= 5_000, 6_000)).toBe(5_050);
  });

  it('is not exceeded by fewer than 50 dead letters, however small the share', () => {
    expect(exceededAt(createDeadLetterWindow(0.01), () => true, 49)).toBe(undefined);
    expect(exceededAt(createDeadLetterWindow(0.01), () => true, 50)).toBe(49);
  });

  it('is never exceeded if the share is 1', () => {
    expect(exceededAt(createDeadLetterWindow(1), () => true, 5_000)).toBe(undefined);
  });
});

describe('a dead letter', () => {
  const record = { key: Buffer.from('k'), value: null, timestamp: '1700000000000', offset: '42', headers: { a: 'b' } };

  it('keeps key, value and headers, and adds its origin and reason', () => {
    const letter = { topic: 't', partition: 3, record, reason: 'missing_column', step: 'activity', detail: 'user_id' };
    expect(failureRecord(letter)).toEqual({
      key: record.key,
      value: null,
      headers: {
        a: 'b',
        'lastseen.origin.topic': 't',
        'lastseen.origin.partition': '3',
        'lastseen.origin.offset': '42',
        'lastseen.origin.timestamp': '1700000000000',
        'lastseen.reason': 'missing_column',
        'lastseen.step': 'activity',
        'lastseen.detail': 'user_id',
        'lastseen.attempts': '1',
      },
    });
  });

  it('keeps headers whose value is null or whose name is that of a member of every object', () => {
    const driverMember = [Object, Buffer.from('c')] as unknown as Buffer[];
    const headers = { none: null, several: [null, 'b'], constructor: driverMember, ['__proto__']: Buffer.from('p') };
    const letter = { topic: 't', partition: 3, reason: 'not_json', step: 'decode', detail: '' };
    const carried = failureRecord({ ...letter, record: { ...record, headers } }).headers ?? {};
    expect(Object.entries(carried).slice(0, 4)).toEqual([
      ['none', null],
      ['several', [null, 'b']],
      ['constructor', Buffer.from('c')],
      ['__proto__', Buffer.from('p')],
    ]);
  });
});

describe('reports of dead letters', () => {
  const letter = (reason: string, offset: string, headers = {}, topic = 't') => ({
    topic,
    partition: 1,
    record: { key: null, value: null, timestamp: '5', offset, headers },
    reason,
    step: 'decode',
    detail: 'why',
  });

  it('log the first letter of each reason and topic with its origin, and count all', async () => {
    const lines: Record<string, unknown>[] = [];
    const counted: string[] = [];
    const sink = withLetterReports(
      { send: async () => {} },
      {
        metrics: createMetrics(),
        log: { warn: (fields) => lines.push({ ...fields }) },
        onLetters: (reason, letters) => counted.push(`${reason} ${letters}`),
      },
    );
    const retried = {
      'lastseen.origin.topic': 'first',
      'lastseen.origin.partition': '3',
      'lastseen.origin.offset': '7',
      'lastseen.origin.timestamp': '5',
    };
    await sink.send([letter('bad_learner', '1'), letter('bad_learner', '2'), letter('bad_instant', '3')]);
    await sink.send([
      letter('bad_learner', '4'),
      letter('bad_learner', '5', retried),
      letter('bad_learner', '6', {}, 'u'),
    ]);
    expect(lines).toMatchObject([
      { event: 'letter_written', reason: 'bad_learner', detail: 'why', topic: 't', partition: 1, offset: '1' },
      { reason: 'bad_instant', topic: 't', offset: '3' },
      { reason: 'bad_learner', topic: 'first', partition: 3, offset: '7' },
      { reason: 'bad_learner', topic: 'u', offset: '6' },
    ]);
    expect(counted).toHaveLength(6);
  });

  it('count and log nothing that the broker has not acknowledged', async () => {
    const reported: unknown[] = [];
    const sink = withLetterReports(
      {
        send: async () => {
          throw new Error('not acknowledged');
        },
      },
      {
        metrics: createMetrics(),
        log: { warn: (fields) => void reported.push(fields) },
        onLetters: (reason) => void reported.push(reason),
      },
    );
    await expect(sink.send([letter('bad_learner', '1')])).rejects.toThrow('not acknowledged');
    expect(reported).toEqual([]);
  });
});
