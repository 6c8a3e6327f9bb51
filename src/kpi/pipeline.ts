import type { Instant } from '../activity/instant.ts';
import { studentIdOf } from '../activity/learner.ts';
import type { Database } from '../postgres/database.ts';
import { must } from '../runtime/must.ts';
import { isolateFailures, retryOnConflict } from '../runtime/retries.ts';
import type { FigureName } from './figures/figure.ts';
import { type FigureRequest, figures, hasNumber, type LearnerFigures } from './figures/figures.ts';
import { type FigureDeps, loadFigureInputs } from './inputs/pipeline.ts';
import { learnerFault } from './learner-fault.ts';
import { type WriteOutcome, writeWeeklyFigures } from './weekly/figures-store.ts';
import { existingRows, weekOf } from './weekly/rows-store.ts';

export interface KpiRunDeps extends FigureDeps {
  readonly database: Database;
  /** Called with each learner's figures, in the order of the learners. */
  readonly onFigures: (userId: string, figures: LearnerFigures) => void;
  readonly onFailed: (userId: string, why: string) => void;
}

export interface KpiPlan {
  readonly asOf: Instant;
  readonly wanted: readonly FigureName[];
  /** Whether weekly rows are written, as the platform's weekly job does. */
  readonly store: boolean;
}

/**
 * `nothing`: none of the wanted figures could be computed. Outcomes of writing are counted if rows are written;
 * `unknown`: no source table has the learner, so no row was created.
 */
export type KpiRunCounts = Record<
  'learners' | Exclude<WriteOutcome, 'redelivered'> | 'unknown' | 'nothing' | 'skippedAnswers' | 'failed',
  number
>;

/** Computes the figures of learners batch by batch, and writes them if wanted. */
export function createKpiRun(deps: KpiRunDeps, plan: KpiPlan) {
  const counts: KpiRunCounts = {
    learners: 0,
    created: 0,
    updated: 0,
    unchanged: 0,
    outdated: 0,
    unknown: 0,
    nothing: 0,
    skippedAnswers: 0,
    failed: 0,
  };
  return {
    counts,
    async compute(userIds: readonly string[]): Promise<void> {
      await isolateFailures(
        userIds,
        (some) => computeSome(deps, plan, some, counts),
        learnerFault,
        (userId, why) => {
          counts.failed += 1;
          deps.onFailed(userId, why);
        },
      );
      counts.learners += userIds.length;
    },
  };
}

async function computeSome(
  deps: KpiRunDeps,
  { asOf, wanted, store }: KpiPlan,
  userIds: readonly string[],
  counts: KpiRunCounts,
): Promise<void> {
  const requests = userIds.map(
    (userId): FigureRequest => ({ userId, studentId: studentIdOf(userId), asOf, wanted, row: 'whole' }),
  );
  const inputs = await loadFigureInputs(deps, requests);
  const weekStart = weekOf(asOf);
  const learners = requests.map((request) => {
    const loaded = must(inputs.get(request), 'inputs are loaded for every learner');
    const { userId } = request;
    return { userId, weekStart, asOf, cause: null, isKnown: loaded.isKnown, ...figures(loaded, deps.options) };
  });
  if (store) {
    const computed = learners.filter((each) => hasNumber(each.figures));
    const unknown = computed.filter(({ isKnown }) => !isKnown);
    const existing = unknown.length === 0 ? new Map() : await existingRows(deps.database, unknown);
    const writable = computed.filter((each) => each.isKnown || existing.has(each));
    counts.unknown += computed.length - writable.length;
    const outcomes = await retryOnConflict(() => writeWeeklyFigures(deps.database, writable));
    for (const outcome of outcomes.values()) if (outcome !== 'redelivered') counts[outcome] += 1;
  }
  for (const learner of learners) {
    if (!hasNumber(learner.figures)) counts.nothing += 1;
    counts.skippedAnswers += learner.skippedAnswers;
    deps.onFigures(learner.userId, learner);
  }
}
