import { type Instant, startOfDay } from '../activity/instant.ts';
import type { Queryable } from '../postgres/database.ts';
import { type AnswerOptions, computeAnswerFigures } from './answers-pipeline.ts';
import { churnRisk } from './figures/churn-risk.ts';
import type { FigureName, Figures } from './figures/figure-names.ts';
import type { ProbabilityInterval } from './figures/probability-interval.ts';
import { weeklyDay } from './figures/weekly-day.ts';
import type { KpiLearner } from './inputs/goal-store.ts';
import { loadSilenceInputs } from './inputs/silence-store.ts';
import { computeProbabilities, type ProbabilityDeps, type ProbabilityOptions } from './probabilities-pipeline.ts';

interface FigureOptions extends ProbabilityOptions, AnswerOptions {
  /** Days of silence that weigh fully in S, too. */
  readonly churnHorizonDays: number;
}

export interface FigureDeps extends ProbabilityDeps {
  /** Where last seen and `weekly_kpi` are. */
  readonly database: Queryable;
  readonly options: FigureOptions;
}

export interface LearnerFigures {
  /** Those that were wanted. */
  readonly figures: Figures;
  /** How far P may be off; null without a P. */
  readonly pInterval: ProbabilityInterval | null;
  /** Elements of `questions` that are no answer. */
  readonly skippedAnswers: number;
}

/** `weekly`: for a whole weekly row, as the platform's weekly job does; `refresh`: P and S in an existing row. */
type Occasion = 'weekly' | 'refresh';

/**
 * The wanted figures of a batch of learners, in their order. A fixed number of queries: it depends on what is wanted and
 * on the options, never on the number of learners.
 */
export async function computeFigures(
  deps: FigureDeps,
  learners: readonly KpiLearner[],
  wanted: readonly FigureName[],
  occasion: Occasion,
): Promise<LearnerFigures[]> {
  if (learners.length === 0) return [];
  const answers = wanted.some(isOfAnswers) ? await computeAnswerFigures(deps.source, learners, deps.options) : [];
  const probabilities = wanted.includes('P') ? await computeProbabilities(deps, learners) : [];
  const risks = wanted.includes('S') ? await computeRisks(deps, learners, occasion) : [];
  return learners.map((_, position) => {
    const computed: Figures = {
      ...answers[position]?.figures,
      P: probabilities[position]?.figure.p ?? null,
      S: risks[position] ?? null,
    };
    return {
      figures: Object.fromEntries(wanted.map((name) => [name, computed[name] ?? null])),
      pInterval: probabilities[position]?.interval ?? null,
      skippedAnswers: answers[position]?.skipped ?? 0,
    };
  });
}

function isOfAnswers(name: FigureName): boolean {
  return name !== 'P' && name !== 'S';
}

async function computeRisks(
  { source, database, options }: FigureDeps,
  learners: readonly KpiLearner[],
  occasion: Occasion,
): Promise<(number | null)[]> {
  const { policy, churnHorizonDays } = options;
  const asked =
    occasion === 'refresh' ? learners : learners.map((each) => ({ ...each, asOf: atWeeklyDay(each.asOf, policy) }));
  const inputs = await loadSilenceInputs(source, database, asked, options);
  return asked.map(({ asOf }, position) => {
    const each = inputs[position];
    if (each === undefined) throw new Error('inputs were loaded for fewer learners than asked for');
    return churnRisk({ asOf, ...each }, churnHorizonDays, policy);
  });
}

/** The as-of itself where the weekly row's day is that of the as-of: who was seen after it was not seen. */
function atWeeklyDay(asOf: Instant, policy: FigureOptions['policy']): Instant {
  const day = weeklyDay(asOf, policy);
  return day === startOfDay(asOf) ? asOf : day;
}

/** Whether there is anything to store. */
export function hasNumber(figures: Figures): boolean {
  return Object.values(figures).some((value) => typeof value === 'number');
}
