import { describe, expect, it } from 'vitest';
import { ConsumerHealth } from '../../../src/kafka/consumer/consumer-health.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

describe('the health of a consumer', () => {
  it('is a member from its join until the session timeout', () => {
    const health = new ConsumerHealth(30 * SECOND, 0);
    expect(health.isMember(0)).toBe(false);
    health.joinedGroup(10 * SECOND);
    expect(health.isMember(40 * SECOND)).toBe(true);
    expect(health.isMember(41 * SECOND)).toBe(false);
    health.groupAnswered(41 * SECOND);
    expect(health.isMember(41 * SECOND)).toBe(true);
    health.leftGroup(41 * SECOND);
    expect(health.isMember(41 * SECOND)).toBe(false);
  });

  it('is alive while the driver tries and fails, and dead if it does nothing', () => {
    const health = new ConsumerHealth(30 * SECOND, 0);
    for (let minute = 1; minute < 60; minute++) {
      health.driverActed(minute * MINUTE);
      health.stagesActed(minute * MINUTE);
      expect(health.whyDead((minute + 1) * MINUTE)).toBe(undefined);
    }
    health.stagesActed(63 * MINUTE);
    expect(health.whyDead(63 * MINUTE)).toBe('the consumer has done nothing for 240 s');
  });

  it('is dead if one transaction does not end', () => {
    const health = new ConsumerHealth(30 * SECOND, 0);
    health.driverActed(11 * MINUTE);
    expect(health.whyDead(11 * MINUTE)).toMatch(/one transaction has taken more than 660 s/);
  });

  it('is dead after the driver crashed', () => {
    const health = new ConsumerHealth(30 * SECOND, 0);
    health.joinedGroup(0);
    health.died('a crash');
    health.driverActed(1);
    expect(health.whyDead(1)).toBe('a crash');
    expect(health.isMember(1)).toBe(false);
  });
});
