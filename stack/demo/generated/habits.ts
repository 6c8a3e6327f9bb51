/** How learners spread their activity over the days. Random numbers come only from the caller's generator. */
import type { Random } from '../../random.ts';

export const HABITS = [
  'steady',
  'weekend',
  'fading',
  'bursty',
  'returned',
  'never_started',
  'practice_only',
  'attempt_only',
] as const;

export type Habit = (typeof HABITS)[number];

const SHARES: Readonly<Record<Habit, number>> = {
  steady: 0.36,
  weekend: 0.14,
  fading: 0.2,
  bursty: 0.12,
  returned: 0.07,
  never_started: 0.04,
  practice_only: 0.05,
  attempt_only: 0.02,
};

export function drawHabit(draw: Random): Habit {
  let rest = draw();
  for (const habit of HABITS) {
    rest -= SHARES[habit];
    if (rest < 0) return habit;
  }
  return 'steady';
}

/** Mean counts per day with activity. */
export interface Diet {
  readonly sessions: number;
  readonly practice: number;
  readonly attempts: number;
  readonly exams: number;
}

const FULL_DIET: Diet = { sessions: 0.7, practice: 0.75, attempts: 0.55, exams: 0.28 };

export function dietOf(habit: Habit): Diet {
  switch (habit) {
    case 'practice_only':
      return { sessions: 0, practice: 1.6, attempts: 0, exams: 0 };
    case 'attempt_only':
      return { sessions: 0, practice: 0, attempts: 1.8, exams: 0 };
    default:
      return FULL_DIET;
  }
}

/** The days of one learner's life on the platform, counted from 0 (the oldest) to `days` (the as-of's own date). */
export interface Life {
  readonly habit: Habit;
  readonly firstDay: number;
  /** No activity after it. */
  readonly lastDay: number;
  /** A pause: no activity from `pauseFrom` on, up to and including `pauseTo`. */
  readonly pauseFrom: number;
  readonly pauseTo: number;
  /** Days between bursts, and the offset of the first one. */
  readonly burstEvery: number;
  readonly burstOffset: number;
}

export function drawLife(habit: Habit, days: number, draw: Random): Life {
  const firstDay = Math.floor(draw() ** 2 * days * 0.5);
  const pauseTo = habit === 'returned' ? days - 1 - Math.floor(draw() * 6) : -1;
  return {
    habit,
    firstDay,
    lastDay: habit === 'returned' ? days : days - drawSilence(days, draw),
    pauseFrom: pauseTo < 0 ? days + 1 : pauseTo - 12 - Math.floor(draw() * 28),
    pauseTo,
    burstEvery: 14 + Math.floor(draw() * 16),
    burstOffset: Math.floor(draw() * 30),
  };
}

/**
 * Days before the as-of without activity. Two of three learners are active until the end. The others stop after the
 * mid-term test, before the holidays, or at a random day.
 */
function drawSilence(days: number, draw: Random): number {
  const kind = draw();
  if (kind < 0.66) return 0;
  if (kind < 0.73) return 15 + Math.floor(draw() * 3);
  if (kind < 0.78) return 23 + Math.floor(draw() * 4);
  return Math.min(days, Math.floor(-Math.log(1 - draw()) * 22));
}

/** Chance of any activity on a day. `weekday` is 1 (Monday) to 7. */
export function chanceOfActivity(life: Life, day: number, weekday: number): number {
  if (day < life.firstDay || day > life.lastDay) return 0;
  if (day >= life.pauseFrom && day <= life.pauseTo) return 0;
  const weekend = weekday >= 6;
  switch (life.habit) {
    case 'steady':
    case 'returned':
      return weekend ? 0.2 : 0.42;
    case 'weekend':
      return weekend ? 0.75 : 0.05;
    case 'fading':
      return 0.7 * Math.exp(-(day - life.firstDay) / 34) + (weekend ? 0 : 0.02);
    case 'bursty':
      return (day + life.burstOffset) % life.burstEvery < 5 ? 0.85 : 0.03;
    case 'practice_only':
    case 'attempt_only':
      return weekend ? 0.15 : 0.35;
    case 'never_started':
      return 0;
  }
}
