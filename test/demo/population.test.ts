import { describe, expect, test } from 'vitest';
import { parseInstant } from '../../src/activity/instant.ts';
import { SOURCES } from '../../src/activity/source.ts';
import { HABITS } from '../../stack/demo/generated/habits.ts';
import { type Population, population } from '../../stack/demo/generated/population.ts';

const REQUEST = { learners: 200, days: 100, seed: 7, asOf: parseInstant('2026-03-18T05:00:00Z') ?? 0n };
const MADE = population(REQUEST);

test('the same seed gives the same rows, and another seed gives others', () => {
  // As text, because comparing the objects takes a second.
  const asText = (made: Population) => JSON.stringify(made);
  expect(asText(population(REQUEST)) === asText(MADE)).toBe(true);
  expect(asText(population({ ...REQUEST, seed: 8 })) === asText(MADE)).toBe(false);
});

test('more learners do not change the rows of the first ones', () => {
  const fewer = population({ ...REQUEST, learners: 100 });
  const ofTheSame = MADE.history.attempt.slice(0, fewer.history.attempt.length);
  expect(fewer.history.attempt).toEqual(ofTheSame);
});

test('every habit has learners', () => {
  for (const habit of HABITS) expect(MADE.habits[habit], habit).toBeGreaterThan(0);
});

test('no row is dated after the as-of', () => {
  const limit = '2026-03-18T05:00:00.000000Z';
  for (const at of instantsOf(MADE)) expect(at <= limit, at).toBe(true);
});

describe('arrival of rows', () => {
  test('keys are unique over history and stream', () => {
    for (const source of SOURCES) {
      const keys = [...MADE.history[source], ...MADE.inserted[source]].map(keyOf);
      expect(keys.length, source).toBeGreaterThan(100);
      expect(new Set(keys).size, source).toBe(keys.length);
    }
  });

  test('an updated row exists in an earlier version', () => {
    for (const source of SOURCES) {
      const there = new Set([...MADE.history[source], ...MADE.inserted[source]].map(keyOf));
      for (const row of MADE.updated[source]) expect(there.has(keyOf(row))).toBe(true);
    }
    expect(MADE.updated.session.length).toBeGreaterThan(0);
    expect(MADE.updated.session.every((row) => row.ended_at !== undefined)).toBe(true);
    expect(MADE.updated.exam_results.length).toBeGreaterThan(0);
    expect(MADE.updated.exam_results.every((row) => row.status === 'graded')).toBe(true);
  });

  test('a deleted session has a newer one of the same learner', () => {
    expect(MADE.deletedSessions.length).toBeGreaterThan(0);
    const deleted = new Set(MADE.deletedSessions);
    const all = [...MADE.history.session, ...MADE.inserted.session];
    for (const row of all.filter(({ id }) => deleted.has(id))) {
      const newer = all.some(
        (other) => other.user_id === row.user_id && !deleted.has(other.id) && other.started_at > row.started_at,
      );
      expect(newer, row.id).toBe(true);
    }
  });
});

test('user_ids are lower-case UUIDs, upper-case UUIDs, and names', () => {
  const users = new Set([...MADE.history.session, ...MADE.inserted.session].map(({ user_id }) => user_id));
  const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
  expect([...users].some((user) => uuid.test(user))).toBe(true);
  expect([...users].some((user) => uuid.test(user.toLowerCase()) && !uuid.test(user))).toBe(true);
  expect([...users].some((user) => user.startsWith('learner-'))).toBe(true);
});

function keyOf(row: Population['history'][(typeof SOURCES)[number]][number]): string {
  return 'id' in row ? String(row.id) : `${row.user_id}|${row.topic_id}|${row.date}`;
}

function instantsOf({ history, inserted, updated }: Population): string[] {
  return [history, inserted, updated].flatMap((rows) => [
    ...rows.exam_results.map((row) => row.updated_at ?? row.created_at),
    ...rows.features_topic_daily.map((row) => row.last_seen_at),
    ...rows.attempt.map((row) => row.completed_at),
    ...rows.session.map((row) => row.ended_at ?? row.started_at),
  ]);
}
