import { createHash } from 'node:crypto';
import { z } from 'zod';
import { FEATURE_COUNT, FEATURES } from './features.ts';
import { logistic } from './logistic.ts';

/** Learners are divided by the days since their last activity; each range has an intercept and slopes of its own. */
export const STRATA = [
  { name: '0-6', from: 0, to: 6 },
  { name: '7-13', from: 7, to: 13 },
  { name: '14-30', from: 14, to: 30 },
  { name: '31+', from: 31, to: Number.POSITIVE_INFINITY },
] as const;

export function stratumOf(silentDays: number): number {
  return STRATA.findIndex(({ to }) => silentDays <= to);
}

/** How a feature enters the logit: `weight · (value − mean) / spread`. */
const COEFFICIENT = z.strictObject({
  mean: z.number(),
  spread: z.number().positive(),
  weight: z.number(),
});

const FIGURES = z.strictObject({
  snapshots: z.int().nonnegative(),
  happened: z.int().nonnegative(),
  auc: z.number().nullable(),
  calibration_error: z.number().nullable(),
  brier: z.number().nullable(),
  /** AUC of the days of silence by themselves. */
  silence_auc: z.number().nullable(),
});
const BY_STRATUM = z.record(z.string(), FIGURES);

const BODY = z.strictObject({
  format: z.literal('lastseen-churn-model/1'),
  /** S is the probability of no activity on this many days, beginning with the day of the as-of. */
  horizon_days: z.int().positive(),
  trained: z.strictObject({
    /** First and last as-of. */
    from: z.iso.date(),
    to: z.iso.date(),
    learners: z.int().positive(),
    snapshots: z.int().positive(),
    ridge: z.number().nonnegative(),
  }),
  strata: z.array(
    z.strictObject({
      stratum: z.string(),
      intercept: z.number(),
      coefficients: z.record(z.string(), COEFFICIENT),
    }),
  ),
  /**
   * Of models that were fitted without what they are tested on: every fifth learner, and the last quarter of the time. Empty if
   * there was too little data to fit one.
   */
  tested: z.strictObject({ learners: BY_STRATUM, time: BY_STRATUM }),
});
export type ChurnModelBody = z.infer<typeof BODY>;

export interface ChurnModel extends ChurnModelBody {
  /** Of everything else in the file. */
  readonly hash: string;
}

const MODEL = BODY.extend({ hash: z.string() });

export function withHash(body: ChurnModelBody): ChurnModel {
  return { ...body, hash: hashOf(body) };
}

/** The text of a model file. Numbers are written so that they are read as the same. */
export function modelText(model: ChurnModel, indent = 0): string {
  return JSON.stringify(model, null, indent);
}

function hashOf(body: ChurnModelBody): string {
  return createHash('sha256').update(JSON.stringify(body, sorted)).digest('hex').slice(0, HASH_DIGITS);
}

/** For JSON in which the order of keys does not matter. */
function sorted(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const HASH_DIGITS = 16;

/**
 * Reads a model file.
 *
 * @throws Error with the cause, without a line break: no JSON, another format, changed by hand, or of other features
 */
export function parseModel(text: string): ChurnModel {
  const { hash, ...body } = shaped(text);
  if (hashOf(body) !== hash)
    throw new Error('its content does not match its hash: it was changed after it was trained');
  const names = body.strata.map(({ stratum }) => stratum).join();
  const wanted = STRATA.map(({ name }) => name).join();
  if (names !== wanted) throw new Error(`it has the strata ${names}, not ${wanted}`);
  for (const { stratum, coefficients } of body.strata) {
    const unknown = Object.keys(coefficients).find((name) => !FEATURES.some((feature) => feature.name === name));
    const missing = FEATURES.find(({ name }) => coefficients[name] === undefined)?.name;
    const which = unknown ?? missing;
    if (which !== undefined)
      throw new Error(
        `stratum ${stratum} ${unknown === undefined ? 'lacks' : 'has the unknown'} feature ${which}: it is of another release`,
      );
  }
  return { ...body, hash };
}

function shaped(text: string): z.infer<typeof MODEL> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error('it is no JSON');
  }
  const parsed = MODEL.safeParse(value);
  if (parsed.success) return parsed.data;
  const [first] = parsed.error.issues;
  throw new Error(`it is no model of lastseen: ${first?.path.join('.') || 'the file'}: ${first?.message}`);
}

/** S of the features from `at` on, of a learner who has been silent for so many days. Pure, and it allocates nothing. */
export type Scorer = (features: Float64Array, at: number, silentDays: number) => number;

export function createScorer({ strata }: Pick<ChurnModel, 'strata'>): Scorer {
  const size = FEATURE_COUNT + 1;
  const weights = new Float64Array(STRATA.length * size);
  for (const [index, { intercept, coefficients }] of strata.entries()) {
    const at = index * size;
    weights[at] = intercept;
    for (const [i, { name }] of FEATURES.entries()) {
      const { mean, spread, weight } = coefficients[name] ?? { mean: 0, spread: 1, weight: 0 };
      weights[at + 1 + i] = weight / spread;
      weights[at] = (weights[at] ?? 0) - (weight * mean) / spread;
    }
  }
  return (features, at, silentDays) => {
    const first = stratumOf(silentDays) * size;
    let logit = weights[first] ?? 0;
    for (let i = 0; i < FEATURE_COUNT; i++) logit += (weights[first + 1 + i] ?? 0) * (features[at + i] ?? 0);
    return logistic(logit);
  };
}
