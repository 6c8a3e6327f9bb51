import type { CommandContext } from '../cli/run-command.ts';
import type { Database } from '../postgres/database.ts';
import { safeMessage } from '../runtime/errors.ts';
import { metricsPolicy } from './figures/policy.ts';
import { createGrowthService } from './inputs/growth-service-client.ts';
import type { FigureDeps } from './inputs/pipeline.ts';

/** Databases, growth service and options from the settings. */
export function figureDeps<D extends Database>(
  { settings, log }: CommandContext,
  source: Database,
  database: D,
): FigureDeps & { readonly database: D } {
  const url = settings.METRICS_USE_BAYESIAN ? settings.R_BRMS_BASE_URL : undefined;
  return {
    source,
    database,
    growthService:
      url === undefined
        ? undefined
        : createGrowthService({
            url,
            onFailure: (error) =>
              log.warn(
                { event: 'growth_service_failed', error: safeMessage(error) },
                'the growth service failed; P is computed without it',
              ),
          }),
    options: {
      policy: metricsPolicy(settings.METRICS_PROFILE),
      sources: settings.SOURCES,
      attemptSource: settings.ATTEMPT_SOURCE,
      targetFrom: settings.METRICS_TARGET_FROM,
      defaultTarget: settings.METRICS_DEFAULT_TARGET,
      churnHorizonDays: settings.METRICS_CHURN_HORIZON_DAYS,
      useBayesian: settings.METRICS_USE_BAYESIAN,
      useIrtTheta: settings.METRICS_USE_IRT_THETA,
    },
  };
}
