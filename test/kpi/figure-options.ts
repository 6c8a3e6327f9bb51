import { SOURCES } from '../../src/activity/source.ts';
import { metricsPolicy } from '../../src/kpi/figures/policy.ts';
import type { FigureDeps } from '../../src/kpi/figures-pipeline.ts';

/** The options of the default settings. */
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
