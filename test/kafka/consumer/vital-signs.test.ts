import { describe, expect, it } from 'vitest';
import { createVitalSigns } from '../../../src/kafka/consumer/vital-signs.ts';
import { createWaitingRecords } from '../../../src/kafka/consumer/waiting-records.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

describe('the vital signs of a consumer', () => {
  it('say that it is a member from its join until the session timeout', () => {
    const vitals = createVitalSigns(30 * SECOND, 0);
    expect(vitals.isMember(0)).toBe(false);
    vitals.joined({ t: [0, 2] }, 10 * SECOND);
    expect(vitals.isMember(40 * SECOND)).toBe(true);
    expect(vitals.isMember(41 * SECOND)).toBe(false);
    vitals.groupAnswered(41 * SECOND);
    expect(vitals.isMember(41 * SECOND)).toBe(true);
    vitals.leftGroup();
    expect(vitals.isMember(41 * SECOND)).toBe(false);
  });

  it('keep the newest assignment after leaving, because applied offsets are still to be committed', () => {
    const vitals = createVitalSigns(30 * SECOND, 0);
    vitals.joined({ t: [0, 2] }, 0);
    vitals.leftGroup();
    expect([0, 1, 2].map((partition) => vitals.owns({ topic: 't', partition }))).toEqual([true, false, true]);
    expect(vitals.owns({ topic: 'u', partition: 0 })).toBe(false);
  });

  it('say that it is alive while the driver tries and fails, and dead if it does nothing', () => {
    const vitals = createVitalSigns(30 * SECOND, 0);
    for (let minute = 1; minute < 60; minute++) {
      vitals.driverActed(minute * MINUTE);
      vitals.stagesActed(minute * MINUTE);
      expect(vitals.whyDead((minute + 1) * MINUTE)).toBe(undefined);
    }
    vitals.stagesActed(63 * MINUTE);
    expect(vitals.whyDead(63 * MINUTE)).toBe('the consumer has done nothing for 240 s');
  });

  it('say that it is dead if one transaction does not end', () => {
    const vitals = createVitalSigns(30 * SECOND, 0);
    vitals.driverActed(11 * MINUTE);
    expect(vitals.whyDead(11 * MINUTE)).toMatch(/one transaction has taken more than 660 s/);
  });

  it('say that it is dead after the driver crashed', () => {
    const vitals = createVitalSigns(30 * SECOND, 0);
    vitals.joined({}, 0);
    vitals.died('a crash');
    vitals.driverActed(1);
    expect(vitals.whyDead(1)).toBe('a crash');
    expect(vitals.isMember(1)).toBe(false);
  });
});

describe('waiting records', () => {
  const batch = (partition: number, fromOffset: bigint, nextOffset: bigint, timestamp: string) => ({
    topic: 't',
    partition,
    fromOffset,
    nextOffset,
    records: [{ key: null, value: null, timestamp, offset: '0' }],
  });
  const at = (partition: number, nextOffset = 0n) => ({ topic: 't', partition, nextOffset });

  it('are as old as the first of their partition', () => {
    const waiting = createWaitingRecords();
    waiting.fetched(batch(0, 0n, 5n, '100'));
    waiting.fetched(batch(0, 5n, 9n, '200'));
    waiting.fetched(batch(1, 0n, 3n, '50'));
    expect(waiting.oldestAtMs(at(0))).toBe(100);
    waiting.applied([at(0, 5n)]);
    expect([0, 1, 2].map((partition) => waiting.oldestAtMs(at(partition)))).toEqual([200, 50, undefined]);
    waiting.applied([at(0, 9n), at(1, 3n)]);
    expect(waiting.oldestAtMs(at(0))).toBe(undefined);
  });

  it('are those of the newest reading if a partition is read again', () => {
    const waiting = createWaitingRecords();
    waiting.fetched(batch(0, 90n, 99n, '100'));
    waiting.fetched(batch(0, 0n, 5n, '300'));
    waiting.applied([at(0, 5n)]);
    expect(waiting.oldestAtMs(at(0))).toBe(undefined);
  });
});
