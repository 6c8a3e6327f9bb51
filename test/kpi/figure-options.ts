import { SOURCES } from '../../src/activity/source.ts';
import { metricsPolicy } from '../../src/kpi/figures/policy.ts';
import type { FigureDeps } from '../../src/kpi/figures-pipeline.ts';

/** What figures are computed with where nothing is configured. */
export const OPTIONS: FigureDeps['options'] = {
  policy: metricsPolicy('standard'),
  sources: SOURCES,
  attemptSource: 'topic',
  targetFrom: 'default',
  defaultTarget: 0,
  churnHorizonDays: 14,
  useBayesian: false,
  useIrtTheta: false,
};
