import type { CommandContext } from '../cli/run-command.ts';
import type { SettingTexts } from '../config/configuration.ts';
import type { Database } from '../postgres/database.ts';
import { safeMessage } from '../runtime/errors.ts';
import { metricsPolicy } from './figures/policy.ts';
import { createGrowthService } from './inputs/growth-service-client.ts';
import type { FigureDeps } from './inputs/pipeline.ts';

/** Flags that compute figures with other values than the configured ones. */
export interface FigureFlags {
  readonly horizon?: string;
  readonly target?: string;
}

export const HORIZON = ['--horizon <days>', 'compute with this METRICS_CHURN_HORIZON_DAYS'] as const;
export const TARGET = [
  '--target <ability>',
  'compute P for this target instead of the configured one or that of a goal',
] as const;

export function figureSettings({ horizon, target }: FigureFlags): SettingTexts {
  return {
    METRICS_CHURN_HORIZON_DAYS: horizon,
    METRICS_DEFAULT_TARGET: target,
    METRICS_TARGET_FROM: target === undefined ? undefined : 'default',
  };
}

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
