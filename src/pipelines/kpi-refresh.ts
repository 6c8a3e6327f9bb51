import { churnRisk } from '../kpi/churn-risk.ts';
import { goalProbability } from '../kpi/goal-probability.ts';
import type { Database, Queryable } from '../postgres/database.ts';
import { type KpiInputOptions, type KpiInputs, type KpiLearner, loadKpiInputs } from '../postgres/kpi-inputs.ts';
import { type WriteOutcome, writeWeeklyFigures } from '../postgres/weekly-kpi.ts';

interface RefreshOptions extends KpiInputOptions {
  /** The goal's level for a learner without a goal of their own. */
  readonly defaultTarget: number;
  readonly churnHorizonDays: number;
}

export interface RefreshDeps {
  /** Where learner data is read from; may be a replica. */
  readonly source: Queryable;
  /** Where last seen and `weekly_kpi` are. */
  readonly database: Database;
  readonly options: RefreshOptions;
}

/** A learner whose figures are to be refreshed, and the event that asks for it. */
export interface RefreshRequest extends KpiLearner {
  readonly causeEventId: string;
}

export interface Refreshed {
  readonly p: number | null;
  readonly s: number | null;
  /** `nothing`: neither figure could be computed, so nothing was written. */
  readonly outcome: WriteOutcome | 'nothing';
}

/**
 * Loads, computes and writes P and S of learners, each given once; one transaction for all. In the order of `requests`.
 */
export async function refreshFigures(deps: RefreshDeps, requests: readonly RefreshRequest[]): Promise<Refreshed[]> {
  const inputs = await loadKpiInputs(deps.source, deps.database, requests, deps.options);
  const figures = requests.map((request, index) => ({
    ...request,
    ...compute(request, inputs[index], deps.options),
  }));
  const writable = figures.filter(({ p, s }) => p !== null || s !== null);
  const outcomes = writable.length === 0 ? [] : await writeWeeklyFigures(deps.database, writable);
  const written = new Map(writable.map((each, index) => [each, outcomes[index]]));
  return figures.map((each) => ({ p: each.p, s: each.s, outcome: written.get(each) ?? 'nothing' }));
}

function compute(request: RefreshRequest, inputs: KpiInputs | undefined, options: RefreshOptions) {
  if (inputs === undefined) throw new Error('inputs were loaded for fewer learners than asked for');
  const { policy, defaultTarget, churnHorizonDays } = options;
  return {
    p: goalProbability(inputs.ability, inputs.goalTarget ?? defaultTarget, policy),
    s: churnRisk({ asOf: request.asOf, ...inputs }, churnHorizonDays, policy),
  };
}
