import { expect, it } from 'vitest';
import { createOutages } from '../../src/cli/outages.ts';

function setUp() {
  const lines: Record<string, unknown>[] = [];
  let nowMs = 1_000;
  const add = (fields: object) => void lines.push({ ...fields });
  const outages = createOutages({ warn: add, info: add }, () => nowMs);
  return {
    outages,
    /** The lines since the last call. */
    lines: () => lines.splice(0),
    wait(seconds: number) {
      nowMs += seconds * 1_000;
    },
  };
}

const waiting = { event: 'outage_waiting', code: 'kafka_unavailable' };

it('logs an outage at once, then once a minute however often it is reported, and its end', () => {
  const { outages, lines, wait } = setUp();
  outages.failed('kafka_unavailable', 'refused', 'a:9092');
  expect(lines()).toEqual([{ ...waiting, error: 'refused', servers: ['a:9092'], sinceMs: 0 }]);
  for (let second = 0; second < 150; second++) {
    wait(1);
    outages.failed('kafka_unavailable', 'refused', second % 2 === 0 ? 'a:9092' : 'b:9092');
  }
  expect(lines()).toMatchObject([
    { ...waiting, servers: ['a:9092', 'b:9092'], sinceMs: 60_000 },
    { ...waiting, sinceMs: 120_000 },
  ]);
  outages.answered('kafka_unavailable');
  outages.answered('kafka_unavailable');
  expect(lines()).toEqual([{ event: 'outage_ended', code: 'kafka_unavailable', lastedMs: 150_000 }]);
});

it('logs the next outage at once', () => {
  const { outages, lines, wait } = setUp();
  outages.failed('kafka_unavailable', 'refused');
  wait(10);
  outages.answered('kafka_unavailable');
  lines();
  wait(1);
  outages.failed('kafka_unavailable', 'refused');
  expect(lines()).toMatchObject([{ ...waiting, sinceMs: 0 }]);
});

it('counts the time from the first failure of this outage', () => {
  const { outages, lines, wait } = setUp();
  outages.failed('kafka_unavailable', 'refused');
  wait(600);
  outages.failed('kafka_unavailable', 'refused');
  expect(lines()).toMatchObject([waiting, { ...waiting, sinceMs: 0 }]);
});

it('does not log each of many short failures, nor their ends', () => {
  const { outages, lines, wait } = setUp();
  for (let n = 0; n < 100; n++) {
    outages.failed('postgres_conflict', 'deadlock');
    wait(0.5);
    outages.answered('postgres_conflict');
  }
  expect(lines()).toHaveLength(1);
});

it('lists the outages that last', () => {
  const { outages, wait } = setUp();
  outages.failed('kafka_unavailable', 'refused');
  outages.failed('postgres_unavailable', 'refused');
  outages.answered('postgres_unavailable');
  expect(outages.current()).toEqual(['kafka_unavailable']);
  wait(600);
  expect(outages.current()).toEqual([]);
});

it('logs outages of two services separately', () => {
  const { outages, lines } = setUp();
  outages.failed('kafka_unavailable', 'refused');
  outages.failed('postgres_unavailable', 'refused');
  outages.answered('registry_unavailable');
  expect(lines()).toMatchObject([waiting, { code: 'postgres_unavailable' }]);
});
