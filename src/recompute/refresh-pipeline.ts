import type { Computed } from '../events/kpi-updated-event.ts';
import { FIGURES } from '../kpi/figures/figure-names.ts';
import { computeFigures, type FigureDeps, hasNumber, type LearnerFigures } from '../kpi/figures-pipeline.ts';
import type { KpiLearner } from '../kpi/inputs/goal-store.ts';
import { type WriteOutcome, writeWeeklyFigures } from '../kpi/weekly/figures-store.ts';
import { existingRows } from '../kpi/weekly/rows-store.ts';
import type { Database } from '../postgres/database.ts';

export interface RefreshDeps extends FigureDeps {
  /** Where last seen and `weekly_kpi` are. */
  readonly database: Database;
}

/** A learner whose figures are refreshed, and the event that caused it. */
export interface RefreshRequest extends KpiLearner {
  readonly causeEventId: string;
}

export interface Refreshed extends LearnerFigures {
  readonly computed: Computed;
  /** `nothing`: no figure could be computed, so nothing was written. */
  readonly outcome: WriteOutcome | 'nothing';
}

/**
 * Loads, computes and writes the figures of learners, each given once; one transaction for all. In an existing weekly row
 * P and S are refreshed; if it is missing, or not an object, all six are computed as the platform's weekly job does. In
 * the order of `requests`.
 */
export async function refreshFigures(deps: RefreshDeps, requests: readonly RefreshRequest[]): Promise<Refreshed[]> {
  const existing = await existingRows(deps.database, requests);
  const refreshed = await computeWhere(deps, requests, 'P_AND_S', (position) => existing.has(position));
  const whole = await computeWhere(deps, requests, 'ALL', (position) => !existing.has(position));
  const figures = requests.flatMap((request, position) => {
    const each = refreshed.get(position) ?? whole.get(position);
    return each === undefined ? [] : [{ request, ...each }];
  });

  const writable = figures.filter((each) => hasNumber(each.figures));
  const outcomes =
    writable.length === 0
      ? []
      : await writeWeeklyFigures(
          deps.database,
          writable.map(({ request, figures, computed, pInterval }) => ({
            userId: request.userId,
            asOf: request.asOf,
            figures,
            cause: { eventId: request.causeEventId, computed, pInterval },
          })),
        );
  const written = new Map(writable.map((each, index) => [each.request, outcomes[index]]));
  return figures.map(({ request, ...each }) => ({ ...each, outcome: written.get(request) ?? 'nothing' }));
}

async function computeWhere(
  deps: RefreshDeps,
  requests: readonly RefreshRequest[],
  computed: Computed,
  isOne: (position: number) => boolean,
): Promise<ReadonlyMap<number, LearnerFigures & { readonly computed: Computed }>> {
  const positions = [...requests.keys()].filter(isOne);
  const learners = requests.filter((_, position) => isOne(position));
  const figures =
    computed === 'ALL'
      ? await computeFigures(deps, learners, FIGURES, 'weekly')
      : await computeFigures(deps, learners, ['P', 'S'], 'refresh');
  return new Map(figures.map((each, index) => [positions[index] ?? -1, { ...each, computed }]));
}
