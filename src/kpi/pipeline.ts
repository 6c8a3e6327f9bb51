import type { Instant } from '../activity/instant.ts';
import { studentIdOf } from '../activity/learner.ts';
import type { Database } from '../postgres/database.ts';
import { isolateFailures, retryOnConflict } from '../runtime/retries.ts';
import type { FigureName } from './figures/figure-names.ts';
import { computeFigures, type FigureDeps, hasNumber, type LearnerFigures } from './figures-pipeline.ts';
import { learnerFault } from './learner-fault.ts';
import { type WriteOutcome, writeWeeklyFigures } from './weekly/figures-store.ts';

export interface KpiRunDeps extends FigureDeps {
  /** Where last seen and `weekly_kpi` are. */
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

/** `nothing`: none of the wanted figures could be computed. Outcomes of writing are counted if rows are written. */
export type KpiRunCounts = Record<
  'learners' | Exclude<WriteOutcome, 'redelivered'> | 'nothing' | 'skippedAnswers' | 'failed',
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
    nothing: 0,
    skippedAnswers: 0,
    failed: 0,
  };
  return {
    counts,
    async take(userIds: readonly string[]): Promise<void> {
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
  const learners = userIds.map((userId) => ({ userId, studentId: studentIdOf(userId), asOf }));
  const figures = await computeFigures(deps, learners, wanted, 'weekly');
  const all = learners.flatMap(({ userId }, position) => {
    const each = figures[position];
    return each === undefined ? [] : [{ userId, ...each }];
  });
  const writable = store ? all.filter((each) => hasNumber(each.figures)) : [];
  if (writable.length > 0) {
    const rows = writable.map((each) => ({ userId: each.userId, asOf, figures: each.figures, cause: null }));
    for (const outcome of await retryOnConflict(() => writeWeeklyFigures(deps.database, rows))) {
      if (outcome !== 'redelivered') counts[outcome] += 1;
    }
  }
  for (const each of all) {
    if (!hasNumber(each.figures)) counts.nothing += 1;
    counts.skippedAnswers += each.skippedAnswers;
    deps.onFigures(each.userId, each);
  }
}
