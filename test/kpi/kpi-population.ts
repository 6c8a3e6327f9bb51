import { randomUUID } from 'node:crypto';
import { formatInstant, type Instant, MICROS_PER_DAY, parseInstant, startOfDay } from '../../src/activity/instant.ts';
import { studentIdOf } from '../../src/activity/learner.ts';
import type { Queryable } from '../../src/postgres/database.ts';
import type { Random } from '../../stack/random.ts';
import { insertRows, type PlatformRows } from '../support/platform-rows.ts';
import type { Learner } from './compute-figures.ts';

type Rows = { [T in keyof PlatformRows]: PlatformRows[T][] };

interface SeenRow {
  readonly student_id: string;
  readonly user_id: string;
  readonly session_at: string;
}

/**
 * Generates learners whose data lies just inside, just outside and at the edges of windows and as-ofs, with missing dates
 * and unusable numbers. Writes them to the source tables and the table of last seen.
 */
export async function populate(on: Queryable, count: number, random: Random): Promise<readonly Learner[]> {
  const rows: Rows = {
    exam_results: [],
    features_topic_daily: [],
    attempt: [],
    session: [],
    ability_estimates: [],
    interest_goal: [],
    mirt_ability: [],
    student_topic_theta: [],
    growth_brms_meta: [],
  };
  const seen: SeenRow[] = [];
  const learners = Array.from({ length: count }, (_, index) => {
    const userId = index % 3 === 0 ? randomUUID().toUpperCase() : `learner-${index}`;
    const asOf =
      (parseInstant('2026-03-10T05:00:00.000001Z') ?? 0n) + BigInt(pick(random, [0, 1, 6, 9])) * MICROS_PER_DAY;
    const learner = { userId, studentId: studentIdOf(userId), asOf };
    addActivity(rows, learner, random);
    addAbilities(rows, learner, random);
    addGoals(rows, learner, random);
    addThetas(rows, learner, random);
    const at = pick(random, [null, asOf - days(random() * 40), asOf, asOf + 1n, asOf + days(2)]);
    if (at !== null) seen.push({ student_id: learner.studentId, user_id: userId, session_at: formatInstant(at) });
    return learner;
  });
  for (const table of Object.keys(rows) as (keyof PlatformRows)[]) {
    await insertRows(on, table, shuffled(rows[table] as PlatformRows[typeof table][], random));
  }
  await on.query({
    text: `INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at)
           SELECT student_id, user_id, session_at FROM jsonb_to_recordset($1)
             AS seen (student_id uuid, user_id text, session_at timestamptz)`,
    values: [JSON.stringify(seen)],
  });
  return learners;
}

function addActivity(rows: Rows, { userId, studentId, asOf }: Learner, random: Random): void {
  const instant = () => someInstant(asOf, random);
  let repeated = instant();
  for (let exam = pick(random, [0, 0, 1, 2, 3, 12, 20]); exam > 0; exam--) {
    const at = random() < 0.15 ? repeated : instant();
    repeated = at;
    const id = randomUUID();
    const updated = random() < 0.5;
    rows.exam_results.push({
      id,
      session_id: `exam-${id}`,
      user_id: userId,
      result_json: pick(random, RESULTS)(random),
      created_at: formatInstant(updated ? at - days(random() * 20) : at),
      updated_at: updated ? formatInstant(at) : null,
    });
  }
  if (random() < 0.3) {
    rows.features_topic_daily.push({
      user_id: userId,
      topic_id: 'algebra',
      date: '2026-03-01',
      last_seen_at: random() < 0.2 ? null : formatInstant(instant()),
    });
  }
  for (let attempt = pick(random, [0, 0, 0, 1, 9]); attempt > 0; attempt--) {
    rows.attempt.push({
      id: rows.attempt.length,
      student_id: studentId,
      item_id: pick(random, [1, 2, 3, 7, null]),
      topic_id: pick(random, ['algebra', '', null]),
      correct: pick(random, [true, false, null]),
      response_time_ms: pick(random, [null, 0, 1500, 40_000]),
      hint_used: pick(random, [true, false, null]),
      // Some repeat an answer of an exam's questions.
      session_id: pick(random, [null, 'practice', rows.exam_results.at(-1)?.session_id ?? null]),
      completed_at: formatInstant(instant()),
    });
  }
  if (random() < 0.4) {
    rows.session.push({
      id: `session-${rows.session.length}`,
      user_id: userId,
      started_at: formatInstant(instant()),
      ended_at: random() < 0.5 ? null : formatInstant(instant()),
    });
  }
}

/** Well-formed and malformed exam results. */
const RESULTS: readonly ((random: Random) => unknown)[] = [
  ...Array.from({ length: 12 }, () => (random: Random) => ({
    questions: Array.from({ length: pick(random, [1, 2, 5, 8, 20]) }, () => question(random)),
  })),
  () => null,
  () => ({}),
  () => ({ questions: [] }),
  () => ({ questions: { 0: { question_id: 1, is_correct: true } } }),
  () => ({ questions: [null, 'text', 5, [], {}, { question_id: null }, { question_id: '' }, { question_id: [] }] }),
  () => [{ question_id: 1, is_correct: true }],
  () => 'questions',
];

function question(random: Random): unknown {
  const correct = () =>
    random() < 0.7
      ? random() < 0.6
      : pick(random, [null, 0, 1, 2, 'true', ' F ', 'YES', 'of', 'o', 'perhaps', '', 'NaN', [], { correct: true }]);
  const complete = {
    question_id: pick(random, [1, 2, '1', '007', 7, 'a7', '0x1', ' 1', 'Ä', 12345678901, null, true]),
    topic: pick(random, ['algebra', 'algebra', 'botany', '', null]),
    is_correct: correct(),
    correct: correct(),
    time_spent_sec: pick(random, [
      1 + random() * 90, 20, '12.0005', 1.0005, 0.0015, ' 3.5 ', '1e1', '', 'NaN', 'fast', null, true, 0, 30, 45.5, 60,
    ]), // biome-ignore format: values of one kind
    used_hints: pick(random, [0, 0, 1, 2, 5, true, false, null, []]),
  };
  const left = Object.entries(complete).filter(([name]) => name === 'question_id' || random() < 0.85);
  return random() < 0.02 ? pick(random, [null, 'text', 5, []]) : Object.fromEntries(left);
}

function addThetas(rows: Rows, { userId, asOf }: Learner, random: Random): void {
  const value = () => (random() < 0.9 ? random() * 4 - 2 : null);
  const error = () => pick(random, [null, 0, -1, 0.05, 0.2, 0.4, 1]);
  const fitted = new Set(
    Array.from({ length: pick(random, [0, 0, 1, 4]) }, () => formatInstant(someThetaInstant(asOf, random))),
  );
  for (const fitted_at of fitted) rows.mirt_ability.push({ user_id: userId, fitted_at, theta: value(), se: error() });
  for (const topic of ['algebra', 'botany', 'chemistry'].slice(0, pick(random, [0, 0, 1, 3]))) {
    rows.student_topic_theta.push({
      user_id: userId,
      topic_id: topic,
      theta: value(),
      se: error(),
      fitted_at: random() < 0.05 ? null : formatInstant(someThetaInstant(asOf, random)),
    });
  }
}

/** At and next to the edges of the two windows of 14 days, or anywhere. */
function someThetaInstant(asOf: Instant, random: Random): Instant {
  const today = startOfDay(asOf);
  return pick(random, [
    today - days(27),
    today - days(27) - 1n,
    today - days(13),
    today - days(13) - 1n,
    today + days(1) - 1n,
    today + days(1),
    asOf - days(random() * 30),
    asOf - days(random() * 30),
    asOf - days(random() * 30),
  ]);
}

/** At and next to the edges of the window of 56 days and the as-of, or anywhere. */
function someInstant(asOf: Instant, random: Random): Instant {
  const today = startOfDay(asOf);
  return pick(random, [
    today - days(55),
    today - days(55) - 1n,
    today + days(1) - 1n,
    today + days(1),
    // The edges of 28 and 14 days, and of the windows that end a second before the day does.
    today - days(27) - pick(random, [0n, 1n]),
    today - days(13) - pick(random, [0n, 1n]),
    today - days(pick(random, [0, 13, 14, 27, 28, 55])) + days(1) - pick(random, [999_999n, 1_000_000n, 1_000_001n]),
    asOf,
    asOf + 1n,
    asOf - days(random() * 70),
    asOf - days(random() * 70),
    asOf - days(random() * 70),
    asOf - days(random() * 30),
    asOf - days(random() * 30),
    asOf - days(random() * 10),
    asOf - days(random() * 10),
  ]);
}

function addAbilities(rows: Rows, { userId, asOf }: Learner, random: Random): void {
  for (let row = pick(random, [0, 1, 2, 5]); row > 0; row--) {
    const date = () =>
      random() < 0.3 ? null : formatInstant(pick(random, [asOf, asOf + 1n, asOf - 1n, asOf - days(random() * 90)]));
    rows.ability_estimates.push({
      user_id: userId,
      mean: random() < 0.8 ? random() * 4 - 2 : pick(random, [null, 'NaN', 'Infinity', '-Infinity']),
      sd: random() < 0.8 ? random() * 2 + 0.1 : pick(random, [null, 0, -1, 'NaN', 'Infinity']),
      fitted_at: date(),
      updated_at: date(),
      created_at: date(),
    });
  }
}

function addGoals(rows: Rows, { userId }: Learner, random: Random): void {
  for (const topic of ['algebra', 'botany', 'chemistry'].slice(0, pick(random, [0, 1, 3]))) {
    rows.interest_goal.push({
      user_id: userId,
      topic_id: topic,
      target_level: pick(random, [Math.round(random() * 4000 - 2000) / 1000, null, 'NaN', 0.5]),
      priority: pick(random, [1, 2, 3, null]),
    });
  }
}

function days(count: number): Instant {
  return BigInt(Math.round(count * Number(MICROS_PER_DAY)));
}

function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)] as T;
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  return items
    .map((item) => ({ item, order: random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
