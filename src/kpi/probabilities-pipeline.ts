import type { Queryable } from '../postgres/database.ts';
import { type GoalFigure, type GoalInputs, goalFigure, predictionQuestion } from './figures/goal-figure.ts';
import type { Observation } from './figures/growth-model.ts';
import { type ProbabilityInterval, probabilityInterval } from './figures/probability-interval.ts';
import { type KpiInputOptions, type KpiLearner, loadGoalRows } from './inputs/goal-store.ts';
import type { GrowthService } from './inputs/growth-service-client.ts';
import { newestGrowthFits, recentAbilities, storedProbabilities } from './inputs/growth-store.ts';

export interface ProbabilityOptions extends KpiInputOptions {
  /** The goal's level for a learner without a goal of their own. */
  readonly defaultTarget: number;
  /** Whether the growth model comes before the normal rule. */
  readonly useBayesian: boolean;
  /** How far ahead of the as-of the growth model looks. */
  readonly churnHorizonDays: number;
}

export interface ProbabilityDeps {
  /** Where learner data is read from; may be a replica. */
  readonly source: Queryable;
  /** Where `weekly_kpi` is. */
  readonly database: Queryable;
  /** Asked first, with the growth model. */
  readonly growthService?: GrowthService | undefined;
  readonly options: ProbabilityOptions;
}

export interface Probability {
  readonly figure: GoalFigure;
  /** What the figure was computed from. */
  readonly inputs: GoalInputs;
  /** Null without a P. */
  readonly interval: ProbabilityInterval | null;
}

/** P of a batch of learners, in their order, each at its as-of. */
export async function computeProbabilities(
  deps: ProbabilityDeps,
  learners: readonly KpiLearner[],
): Promise<Probability[]> {
  const { policy } = deps.options;
  const loaded = await loadInputs(deps, learners);
  const complete = deps.growthService === undefined ? loaded : await predicted(deps.growthService, loaded, policy);
  return complete.map((inputs) => {
    const figure = goalFigure(inputs, policy);
    return { figure, inputs, interval: probabilityInterval(figure, inputs) };
  });
}

async function loadInputs(
  { source, database, options }: ProbabilityDeps,
  learners: readonly KpiLearner[],
): Promise<GoalInputs[]> {
  const rows = await loadGoalRows(source, learners, options);
  const observations = learners.map((): Observation[] => []);
  for (const { position, ...row } of await recentAbilities(source, learners)) observations[position]?.push(row);
  const growth = options.useBayesian ? await loadGrowth(source, database, learners, options) : undefined;
  return learners.map(({ asOf }, position) => ({
    asOf,
    target: rows[position]?.goalTarget ?? options.defaultTarget,
    ability: rows[position]?.ability ?? null,
    observations: observations[position] ?? [],
    growth: growth?.[position] ?? null,
  }));
}

async function loadGrowth(
  source: Queryable,
  database: Queryable,
  learners: readonly KpiLearner[],
  { policy, churnHorizonDays }: ProbabilityOptions,
): Promise<GoalInputs['growth'][]> {
  const fits = await newestGrowthFits(source, new Set(learners.map(({ asOf }) => asOf)));
  const stored = policy.storedProbability === 'first' ? await storedProbabilities(database, learners) : undefined;
  return learners.map(({ asOf }, position) => ({
    posteriorSummary: fits.get(asOf) ?? null,
    storedP: stored?.get(position) ?? null,
    predicted: null,
    horizonDays: churnHorizonDays,
  }));
}

/** The inputs with the growth service's answers, of those it is worth asking for. */
async function predicted(
  service: GrowthService,
  inputs: readonly GoalInputs[],
  policy: ProbabilityOptions['policy'],
): Promise<GoalInputs[]> {
  const questions = inputs.flatMap((each, position) => {
    const question = predictionQuestion(each, policy);
    return question === null ? [] : [{ position, question }];
  });
  const answers = await service(questions.map(({ question }) => question));
  const byPosition = new Map(questions.map(({ position }, index) => [position, answers[index] ?? null]));
  return inputs.map((each, position) => ({
    ...each,
    growth: each.growth && { ...each.growth, predicted: byPosition.get(position) ?? null },
  }));
}
