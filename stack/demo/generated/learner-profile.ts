import {
  dateOf,
  formatInstant,
  type Instant,
  MICROS_PER_DAY,
  startOfDay,
  startOfIsoWeek,
} from '../../../src/activity/instant.ts';
import type { Random } from '../../random.ts';
import { drawWhole } from './draws.ts';
import type { Person } from './learner-day.ts';
import type { Population } from './population.ts';

/** Adds invented rows of other jobs: ability fits, goals, and this week's figures. */
export function addLearnerProfile(person: Person, days: number, asOf: Instant, draw: Random, made: Population): void {
  if (draw() < 0.65) addAbility(person, days, asOf, draw, made);
  if (draw() < 0.25) addGoals(person, draw, made);
  if (draw() < 0.7) addWeekly(person, asOf, draw, made);
}

/** One to five fits. Some have no date, and some have sd 0, as failed fits do. */
function addAbility({ learner, skill }: Person, days: number, asOf: Instant, draw: Random, made: Population): void {
  const mean = Math.log(skill / (1 - skill));
  for (let n = drawWhole(draw, 1, 5); n > 0; n -= 1) {
    const at = startOfDay(asOf) - BigInt(drawWhole(draw, 0, days)) * MICROS_PER_DAY;
    const fitted = draw() < 0.85 ? { fitted_at: formatInstant(at), created_at: formatInstant(at) } : {};
    const sd = draw() < 0.08 ? 0 : 0.2 + draw() * 0.8;
    made.ability.push({ user_id: learner.userId, mean: mean + (draw() - 0.5) * 0.6, sd, ...fitted });
  }
}

function addGoals({ learner }: Person, draw: Random, made: Population): void {
  for (let n = drawWhole(draw, 1, 3); n > 0; n -= 1) {
    const target = Math.round((draw() * 2 - 0.5) * 1000) / 1000;
    made.goals.push({ user_id: learner.userId, topic_id: `goal-${n}`, target_level: target, priority: n });
  }
}

/** Six figures, and keys of other jobs: numbers wider than a double, nested objects, keys that look like ours. */
function addWeekly({ learner }: Person, asOf: Instant, draw: Random, made: Population): void {
  const monday = startOfIsoWeek(asOf);
  const figures = `"I_t": ${draw() * 2 - 1}, "E_t": ${draw()}, "R_t": ${draw()}, "A_t": ${draw()}`;
  const kind = draw();
  const foreign = [
    `"campaign": {"wave": ${drawWhole(draw, 1, 9)}, "budget": 12345678901234567890.1${drawWhole(draw, 0, 9)}0}`,
    `"p": ${draw()}, "risk_notes": ["${'quiet? '.repeat(drawWhole(draw, 0, 2))}", null, 1e3]`,
    `"mentor": "zoë \\u0026 co"`,
  ];
  made.weekly.push({
    user_id: learner.userId,
    week_start: dateOf(monday),
    kpis: kind < 0.02 ? 'null' : `{"S": ${draw()}, ${foreign[drawWhole(draw, 0, 2)]}, ${figures}, "P": ${draw()}}`,
    created_at: formatInstant(monday),
    updated_at: formatInstant(monday),
  });
}
