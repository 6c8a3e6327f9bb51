import { type Instant, MICROS_PER_DAY, parseInstant } from '../activity/instant.ts';
import type { Settings } from '../config/settings.ts';
import { usageError } from '../runtime/errors.ts';
import { must } from '../runtime/must.ts';
import { configuredPlan, type SweepPlan } from '../silence/plan.ts';

/** The sweeps to repeat, one per day, and how each decides. */
export interface BacktestPlan extends Omit<SweepPlan, 'asOf' | 'limit'> {
  readonly firstAsOf: Instant;
  readonly days: number;
}

/** Flags of a backtest, which is a mode of `replay`. */
export interface BacktestFlags {
  readonly sweepFrom?: string;
  readonly sweepTo?: string;
  readonly threshold?: string;
  readonly lookback?: string;
  readonly out?: string;
  readonly outTopic?: string;
}

/** The time of the CronJob's sweep. */
const SWEEP_TIME = 'T05:00:00Z';

const REPLAY_FLAGS = ['from', 'to', 'topic', 'rebuild', 'snapshot', 'emit', 'restart'] as const;

/** The as-of of a date's sweep; undefined: not a date. */
export function sweepInstant(date: string): Instant | undefined {
  return /^\d{4}-\d{2}-\d{2}$/.test(date) ? parseInstant(`${date}${SWEEP_TIME}`) : undefined;
}

/**
 * Whether the flags ask for a backtest.
 *
 * @throws LastseenError `usage` if they ask for none, but contain flags that only a backtest has.
 */
export function isBacktest(flags: BacktestFlags): boolean {
  if (flags.sweepFrom !== undefined || flags.sweepTo !== undefined) return true;
  for (const [name, value] of Object.entries({
    '--threshold': flags.threshold,
    '--lookback': flags.lookback,
    '--out': flags.out,
    '--out-topic': flags.outTopic,
  })) {
    if (value !== undefined) throw usageError(`${name} needs --sweep-from and --sweep-to`);
  }
  return false;
}

/** @throws LastseenError `usage`. */
export function backtestPlan(
  settings: Settings,
  now: Instant,
  flags: BacktestFlags & { readonly [name in (typeof REPLAY_FLAGS)[number]]?: unknown },
): BacktestPlan {
  const { sweepFrom, sweepTo = sweepFrom, out, outTopic } = flags;
  for (const name of REPLAY_FLAGS) {
    if (flags[name] !== undefined) throw usageError(`--${name} cannot be combined with --sweep-from and --sweep-to`);
  }
  if (sweepFrom === undefined || sweepTo === undefined) throw usageError('--sweep-to needs --sweep-from');
  if (out !== undefined && outTopic !== undefined)
    throw usageError('--out and --out-topic are both given; use one of them');
  const firstAsOf = must(sweepInstant(sweepFrom), 'the flag was validated');
  const lastAsOf = must(sweepInstant(sweepTo), 'the flag was validated');
  if (lastAsOf < firstAsOf) throw usageError('--sweep-to must not be before --sweep-from');
  if (lastAsOf > now) throw usageError('--sweep-to must not be in the future');
  const { asOf: _asOf, limit: _limit, ...rules } = configuredPlan(settings, firstAsOf);
  return { ...rules, firstAsOf, days: Number((lastAsOf - firstAsOf) / MICROS_PER_DAY) + 1 };
}

/** @param day counted from 0. */
export function asOfOfDay({ firstAsOf }: Pick<BacktestPlan, 'firstAsOf'>, day: number): Instant {
  return firstAsOf + BigInt(day) * MICROS_PER_DAY;
}
