import type { StudentId } from '../../activity/activity.ts';
import type { Instant } from '../../activity/instant.ts';
import type { Source } from '../../activity/source.ts';
import { textArray } from '../../postgres/arrays.ts';
import type { Queryable } from '../../postgres/database.ts';
import type { Ability } from '../figures/goal-probability.ts';
import type { MetricsPolicy } from '../figures/policy.ts';
import { newestAbilities, newestUsableAbilities } from './abilities-store.ts';

export interface KpiLearner {
  readonly userId: string;
  readonly studentId: StudentId;
  readonly asOf: Instant;
}

export interface KpiInputOptions {
  readonly policy: MetricsPolicy;
  readonly sources: readonly Source[];
  /** `exam_results`: attempts are derived from exam results, and there is no `attempt` to read. */
  readonly attemptSource: 'topic' | 'exam_results';
  readonly targetFrom: 'default' | 'interest_goal';
}

/*
 * The statements of a batch name its learners twice: in the join, which gives each their own window, and as `= ANY`, which
 * restricts a table to the batch first, through its index if it has one, independent of the planner's estimates.
 */

/** Inputs of one learner's P. */
export interface GoalRows {
  readonly ability: Ability | null;
  /** The goal's level; null if the learner has none, or goals are not read. */
  readonly goalTarget: number | null;
}

/**
 * Loads the inputs of P for a batch, in the order of `learners`. The number of queries depends on the options, never on
 * the number of learners. Each learner has its own as-of.
 */
export async function loadGoalRows(
  source: Queryable,
  learners: readonly KpiLearner[],
  options: Pick<KpiInputOptions, 'policy' | 'targetFrom'>,
): Promise<GoalRows[]> {
  // One after the other: `source` may be a single connection.
  const abilities = await loadAbilities(source, learners, options.policy);
  const targets = await loadTargets(source, learners, options.targetFrom);
  return learners.map((_, position) => ({
    ability: abilities.get(position) ?? null,
    goalTarget: targets.get(position) ?? null,
  }));
}

function loadAbilities(source: Queryable, learners: readonly KpiLearner[], policy: MetricsPolicy) {
  switch (policy.abilityRow) {
    case 'newest_usable':
      return newestUsableAbilities(source, learners);
    case 'newest':
      return newestAbilities(source, learners);
  }
}

async function loadTargets(
  source: Queryable,
  learners: readonly KpiLearner[],
  from: KpiInputOptions['targetFrom'],
): Promise<ReadonlyMap<number, number>> {
  switch (from) {
    case 'default':
      return new Map();
    case 'interest_goal':
      return goalTargets(source, learners);
  }
}

/** The level of each learner's goal of the lowest priority number; among equal ones that of the first topic. */
async function goalTargets(source: Queryable, learners: readonly KpiLearner[]): Promise<ReadonlyMap<number, number>> {
  const { rows } = await source.query<{ position: number; target: number }>({
    text: `
SELECT DISTINCT ON (learner.position) learner.position::int - 1 AS position, goal.target_level::float8 AS target
FROM unnest($1::text[]) WITH ORDINALITY AS learner (user_id, position)
JOIN interest_goal AS goal ON goal.user_id = learner.user_id AND goal.user_id = ANY ($1) AND goal.target_level < 'NaN'
ORDER BY learner.position, goal.priority NULLS LAST, goal.topic_id COLLATE "C"`,
    values: [textArray(learners.map(({ userId }) => userId))],
  });
  return new Map(rows.map(({ position, target }) => [position, target]));
}
