import { SOURCES } from '../../src/activity/source.ts';
import type { FigureName } from '../../src/kpi/figures/figure.ts';
import { type FigureOptions, type FigureRequest, figures, type LearnerFigures } from '../../src/kpi/figures/figures.ts';
import { metricsPolicy } from '../../src/kpi/figures/policy.ts';
import { type FigureDeps, loadFigureInputs } from '../../src/kpi/inputs/pipeline.ts';
import { must } from '../../src/runtime/must.ts';

export type Learner = Pick<FigureRequest, 'userId' | 'studentId' | 'asOf'>;

/** The options of the default settings. */
export const OPTIONS: FigureOptions = {
  policy: metricsPolicy('standard'),
  sources: SOURCES,
  attemptSource: 'topic',
  targetFrom: 'default',
  defaultTarget: 0,
  churnHorizonDays: 14,
  useBayesian: false,
  useIrtTheta: false,
};

/** The figures of a batch, in the order of `learners`. */
export async function computeFigures(
  deps: FigureDeps,
  learners: readonly Learner[],
  wanted: readonly FigureName[],
  row: FigureRequest['row'] = 'whole',
): Promise<readonly LearnerFigures[]> {
  const requests = learners.map((learner) => ({ ...learner, wanted, row }));
  const inputs = await loadFigureInputs(deps, requests);
  return requests.map((request) => figures(must(inputs.get(request), 'inputs are loaded'), deps.options));
}
