import {
  dateOf,
  formatInstant,
  type Instant,
  MICROS_PER_DAY,
  MICROS_PER_SECOND,
} from '../../../src/activity/instant.ts';
import type { Random } from '../../random.ts';
import { drawCount, drawWhole, seededUuid } from './draws.ts';
import type { Diet } from './habits.ts';
import type { Question, SourceRows } from './platform-rows.ts';
import type { Learner, Population } from './population.ts';

export interface Person {
  readonly learner: Learner;
  readonly diet: Diet;
  /** The UTC hour around which the learner works. */
  readonly usualHour: number;
  /** Share of correct answers. */
  readonly skill: number;
}

export interface Arrival {
  readonly made: Population;
  /** When the connector starts. */
  readonly streamedFrom: Instant;
  readonly asOf: Instant;
}

const TOPICS = ['algebra', 'fractions', 'geometry', 'probability', 'functions', 'statistics'];
const MINUTE = 60n * MICROS_PER_SECOND;

/** Adds what one learner did on one day (`start` is its 00:00 UTC). Returns the id of the day's session, if there was one. */
export function learnerDay(person: Person, start: Instant, draw: Random, arrival: Arrival): string | undefined {
  const begin =
    start + BigInt(Math.floor((person.usualHour + (draw() - 0.5) * 4) * 3_600_000_000 + draw() * 1_000_000));
  const later = (minutes: number) => {
    const at = begin + BigInt(Math.floor(draw() * minutes * 60_000_000));
    const lastMoment = start + MICROS_PER_DAY - 1n;
    return at < lastMoment ? at : lastMoment;
  };
  const day = { ...person, date: dateOf(start), begin, later, draw, arrival };
  const session = addSession(day);
  for (let n = drawCount(draw, person.diet.practice); n > 0; n -= 1) addPractice(day, n);
  for (let n = drawCount(draw, person.diet.attempts); n > 0; n -= 1) addAttempt(day, n);
  if (draw() < person.diet.exams) addExam(day);
  return session;
}

interface Day extends Person {
  readonly date: string;
  readonly begin: Instant;
  /** A random instant of the day, at most this many minutes after `begin`. */
  readonly later: (minutes: number) => Instant;
  readonly draw: Random;
  readonly arrival: Arrival;
}

function addSession(day: Day): string | undefined {
  const { learner, draw, begin, later } = day;
  if (draw() >= day.diet.sessions) return undefined;
  const at = formatInstant(begin);
  const id = `s-${learner.index}-${day.date}`;
  const open = { id, user_id: learner.userId, started_at: at, status: 'open', created_at: at } as const;
  const endedAt = later(90);
  // A browser that is closed without a logout leaves its session open forever.
  if (draw() < 0.04) arrive(day, 'session', { row: open, at: begin });
  else {
    const closed = { ...open, ended_at: formatInstant(endedAt), status: 'closed' } as const;
    arrive(day, 'session', { row: open, at: begin }, { row: closed, at: endedAt });
  }
  return begin <= day.arrival.asOf ? id : undefined;
}

/** One row per topic and day. Some rows are updated later on the same day. */
function addPractice(day: Day, n: number): void {
  const { learner, draw, later } = day;
  const topic = `${TOPICS[(learner.index + n) % TOPICS.length]}`;
  const first = later(60);
  const row = (attempts: number, at: Instant) => ({
    user_id: learner.userId,
    topic_id: topic,
    date: day.date,
    attempts,
    correct: Math.round(attempts * day.skill),
    avg_time_ms: drawWhole(draw, 4_000, 60_000),
    hints: drawWhole(draw, 0, 3),
    last_seen_at: formatInstant(at),
    computed_at: formatInstant(at + 5n * MINUTE),
  });
  const attempts = drawWhole(draw, 3, 20);
  const continues = draw() < 0.3;
  const second = continues ? later(150) : first;
  const opening = { row: row(attempts, first), at: first };
  if (second <= first) arrive(day, 'features_topic_daily', opening);
  else {
    const grown = row(attempts + drawWhole(draw, 1, 15), second);
    arrive(day, 'features_topic_daily', opening, { row: grown, at: second });
  }
}

function addAttempt(day: Day, n: number): void {
  const { learner, draw, later } = day;
  const at = later(75);
  const row = {
    id: learner.index * 10_000_000 + Number(day.begin / MICROS_PER_DAY) * 100 + n,
    student_id: learner.studentId,
    item_id: drawWhole(draw, 1, 5_000),
    topic_id: `${TOPICS[drawWhole(draw, 0, TOPICS.length - 1)]}`,
    correct: draw() < day.skill,
    response_time_ms: drawWhole(draw, 2_000, 90_000),
    hint_used: draw() < 0.2,
    completed_at: formatInstant(at),
  };
  arrive(day, 'attempt', { row, at });
}

/** Submitted, and graded minutes later, or by hand up to 35 hours later. */
function addExam(day: Day): void {
  const { learner, draw, later } = day;
  const at = later(80);
  const key = `exam-${learner.index}-${day.date}`;
  const questions = Array.from({ length: 10 }, () => answer(day));
  const right = questions.filter((question) => question.is_correct).length;
  const submitted = {
    id: seededUuid(`${learner.userId}|${key}`),
    session_id: key,
    user_id: learner.userId,
    exam_id: drawWhole(draw, 1, 60),
    status: 'submitted',
    result_json: { questions: questions.map(({ is_correct: _, ...asked }) => asked) },
    created_at: formatInstant(at),
  } as const;
  const gradedAt = at + (draw() < 0.85 ? BigInt(drawWhole(draw, 1, 20)) : BigInt(drawWhole(draw, 60, 2_100))) * MINUTE;
  const graded = {
    ...submitted,
    status: 'graded',
    score_raw: right * 10,
    result_json: { questions },
    updated_at: formatInstant(gradedAt),
  } as const;
  arrive(day, 'exam_results', { row: submitted, at }, { row: graded, at: gradedAt });
}

function answer({ draw, skill }: Day): Question {
  return {
    question_id: drawWhole(draw, 1, 400),
    topic: `${TOPICS[drawWhole(draw, 0, TOPICS.length - 1)]}`,
    is_correct: draw() < skill,
    time_spent_sec: drawWhole(draw, 5, 120),
    used_hints: draw() < 0.8 ? 0 : drawWhole(draw, 1, 3),
  };
}

interface Version<R> {
  readonly row: R;
  readonly at: Instant;
}

/** Adds a row's versions by their instants: the snapshot has only the newest version, the stream has both. */
function arrive<T extends keyof SourceRows>(
  { arrival: { made, streamedFrom, asOf } }: Day,
  table: T,
  first: Version<SourceRows[T][number]>,
  later?: Version<SourceRows[T][number]>,
): void {
  if (first.at > asOf) return;
  const put = (rows: SourceRows, row: SourceRows[T][number]) => (rows[table] as SourceRows[T][number][]).push(row);
  const changes = later !== undefined && later.at <= asOf;
  if (changes && later.at < streamedFrom) put(made.history, later.row);
  else {
    put(first.at < streamedFrom ? made.history : made.inserted, first.row);
    if (changes) put(made.updated, later.row);
  }
}
