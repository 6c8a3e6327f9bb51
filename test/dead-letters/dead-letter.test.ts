import { describe, expect, it } from 'vitest';
import { createDeadLetterWindow, failureRecord } from '../../src/dead-letters/dead-letter.ts';

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
