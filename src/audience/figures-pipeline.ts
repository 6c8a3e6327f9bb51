import type { StudentId } from '../activity/activity.ts';
import { type Instant, MICROS_PER_DAY } from '../activity/instant.ts';
import { type FigureRequest, figures } from '../kpi/figures/figures.ts';
import { type FigureDeps, loadFigureInputs } from '../kpi/inputs/pipeline.ts';
import { learnerFault } from '../kpi/learner-fault.ts';
import { must } from '../runtime/must.ts';
import { isolateFailures } from '../runtime/retries.ts';
import { type FigureChange, figureChange, type ListedFigure } from './figure-change.ts';

/** The change of a figure is that since the figure of a week before. */
const BEFORE = 7n * MICROS_PER_DAY;

interface Learner {
  readonly student_id: string;
  readonly user_id: string;
}

export type WithFigures<L> = L & { readonly figures?: FigureChange; readonly message?: string };

/**
 * The learners with their figures as of an instant, as `recompute` computes them for an existing weekly row, and their
 * change. Both instants are computed from the rows of now, so that the change depends on no job's run. A learner whose
 * figures fail has a message instead.
 */
export async function withFigures<L extends Learner>(
  deps: FigureDeps,
  learners: readonly L[],
  { wanted, asOf }: { readonly wanted: readonly ListedFigure[]; readonly asOf: Instant },
  onFailed: (message: string) => void,
): Promise<readonly WithFigures<L>[]> {
  const found = new Map<L, WithFigures<L>>();
  const requestOf = ({ student_id, user_id }: L, at: Instant): FigureRequest => {
    return { userId: user_id, studentId: student_id as StudentId, asOf: at, wanted, row: 'existing' };
  };
  await isolateFailures(
    learners,
    async (some) => {
      const pairs = some.map((learner) => ({
        learner,
        now: requestOf(learner, asOf),
        before: requestOf(learner, asOf - BEFORE),
      }));
      const inputs = await loadFigureInputs(
        deps,
        pairs.flatMap(({ now, before }) => [now, before]),
      );
      const figuresOf = (request: FigureRequest) =>
        figures(must(inputs.get(request), 'inputs are loaded for every request'), deps.options).figures;
      for (const { learner, now, before } of pairs) {
        found.set(learner, { ...learner, figures: figureChange(wanted, figuresOf(now), figuresOf(before)) });
      }
    },
    learnerFault,
    (learner, message) => {
      found.set(learner, { ...learner, message });
      onFailed(message);
    },
  );
  return learners.map((learner) => must(found.get(learner), 'each learner is computed or failed'));
}
