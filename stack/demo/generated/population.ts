import { hash } from 'node:crypto';
import { type Instant, MICROS_PER_DAY, startOfDay } from '../../../src/activity/instant.ts';
import { createRandom, type Random } from '../../random.ts';
import { drawWhole, seededUuid } from './draws.ts';
import { chanceOfActivity, dietOf, drawHabit, drawLife, HABITS, type Habit } from './habits.ts';
import { learnerDay } from './learner-day.ts';
import { addLearnerProfile } from './learner-profile.ts';
import { type AbilityRow, type GoalRow, noRows, type SourceRows, type WeeklyRow } from './platform-rows.ts';

export interface PopulationRequest {
  readonly learners: number;
  /** Days of history before the as-of. */
  readonly days: number;
  readonly seed: number;
  readonly asOf: Instant;
}

/** All rows of a population, by how they arrive. A row is in each group at most once. */
export interface Population {
  readonly habits: Record<Habit, number>;
  /** In the tables before the connector starts. */
  readonly history: SourceRows;
  /** Inserted while it runs. */
  readonly inserted: SourceRows;
  /** Rows of `history` or `inserted` in their newer version: sessions ended, exams graded, more practice on a day. */
  readonly updated: SourceRows;
  /** Ids of old sessions deleted while it runs; their learners have newer ones. */
  readonly deletedSessions: string[];
  readonly ability: AbilityRow[];
  readonly goals: GoalRow[];
  readonly weekly: WeeklyRow[];
}

export interface Learner {
  readonly index: number;
  readonly userId: string;
  readonly studentId: string;
}

/** The connector starts this many days before the as-of. */
const STREAMED_DAYS = 10n;
/** Share of the sessions in the older half of the history. */
const DELETED_SHARE = 0.02;

/** The same request gives the same rows, and no learner's rows depend on how many others there are. */
export function population(request: PopulationRequest): Population {
  const { asOf, days } = request;
  const made: Population = {
    habits: Object.fromEntries(HABITS.map((habit) => [habit, 0])) as Record<Habit, number>,
    history: noRows(),
    inserted: noRows(),
    updated: noRows(),
    deletedSessions: [],
    ability: [],
    goals: [],
    weekly: [],
  };
  const firstDay = startOfDay(asOf) - BigInt(days) * MICROS_PER_DAY;
  const arrival = { made, streamedFrom: asOf - STREAMED_DAYS * MICROS_PER_DAY, asOf };
  for (let index = 0; index < request.learners; index += 1) {
    const draw = createRandom(`${request.seed}|${index}`);
    const learner = nameLearner(request.seed, index, draw);
    const habit = drawHabit(draw);
    made.habits[habit] += 1;
    const life = drawLife(habit, days, draw);
    const person = { learner, diet: dietOf(habit), usualHour: drawWhole(draw, 7, 20), skill: 0.35 + 0.5 * draw() };
    let sessionBefore: string | undefined;
    for (let day = life.firstDay; day <= life.lastDay; day += 1) {
      const start = firstDay + BigInt(day) * MICROS_PER_DAY;
      if (draw() >= chanceOfActivity(life, day, isoWeekday(start))) continue;
      const session = learnerDay(person, start, draw, arrival);
      if (session === undefined) continue;
      // The previous session is not the newest, so no last seen depends on it.
      if (sessionBefore !== undefined && day < days / 2 && draw() < DELETED_SHARE) {
        made.deletedSessions.push(sessionBefore);
      }
      sessionBefore = session;
    }
    // These learners have only a student_id, and the tables of profiles need a user_id.
    if (habit !== 'attempt_only') addLearnerProfile(person, days, asOf, draw, made);
  }
  return made;
}

/** Most user_ids are names, 13 % are UUIDs, 2 % are UUIDs in capitals, and some hold non-ASCII characters. */
function nameLearner(seed: number, index: number, draw: Random): Learner {
  const uuid = seededUuid(`${seed}|learner|${index}`);
  const kind = draw();
  if (kind < 0.13) return { index, userId: uuid, studentId: uuid };
  if (kind < 0.15) return { index, userId: uuid.toUpperCase(), studentId: uuid };
  const number = String(index).padStart(5, '0');
  const userId = kind < 0.2 ? `zoë.${number}@example.org` : `learner-${number}`;
  return { index, userId, studentId: uuidOfBytes(hash('md5', userId)) };
}

function uuidOfBytes(hex: string): string {
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** 1 is Monday, 7 Sunday; the epoch was a Thursday. */
function isoWeekday(start: Instant): number {
  return Number((start / MICROS_PER_DAY + 3n) % 7n) + 1;
}
