import { textArray, windowArrays } from '../../postgres/arrays.ts';
import type { Queryable } from '../../postgres/database.ts';
import type { Window } from '../figures/window.ts';

interface ThetaRow {
  readonly position: number;
  readonly theta: number;
  readonly se: number | null;
}

interface ThetasOf {
  readonly userId: string;
  readonly window: Window;
}

/** Each learner's newest row of `mirt_ability` in the window that has a theta, by the learner's position. */
export async function newestMirtThetas(source: Queryable, learners: readonly ThetasOf[]): Promise<readonly ThetaRow[]> {
  const { rows } = await source.query<ThetaRow>({
    text: `
SELECT DISTINCT ON (learner.position) learner.position::int - 1 AS position, ability.theta, ability.se
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[])
  WITH ORDINALITY AS learner (user_id, window_from, window_through, position)
JOIN mirt_ability AS ability ON ability.user_id = learner.user_id AND ability.user_id = ANY ($1)
  AND ability.fitted_at BETWEEN learner.window_from AND learner.window_through
  AND ability.theta > '-infinity' AND ability.theta < 'infinity'
ORDER BY learner.position, ability.fitted_at DESC`,
    values: valuesOf(learners),
  });
  return rows;
}

/** Each learner's rows of `student_topic_theta` in the window that have a theta, by the learner's position. */
export async function topicThetas(source: Queryable, learners: readonly ThetasOf[]): Promise<readonly ThetaRow[]> {
  const { rows } = await source.query<ThetaRow>({
    text: `
SELECT learner.position::int - 1 AS position, topic.theta, topic.se
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[])
  WITH ORDINALITY AS learner (user_id, window_from, window_through, position)
JOIN student_topic_theta AS topic ON topic.user_id = learner.user_id AND topic.user_id = ANY ($1)
  AND topic.fitted_at BETWEEN learner.window_from AND learner.window_through
  AND topic.theta > '-infinity' AND topic.theta < 'infinity'
ORDER BY learner.position, topic.topic_id COLLATE "C"`,
    values: valuesOf(learners),
  });
  return rows;
}

function valuesOf(learners: readonly ThetasOf[]): unknown[] {
  return [textArray(learners.map(({ userId }) => userId)), ...windowArrays(learners.map(({ window }) => window))];
}
