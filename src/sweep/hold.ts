import { median } from '../history/usual-volume.ts';

/** What a run would do, against what runs usually do. All counts are learners. */
export interface HoldFigures {
  /** Who would cross, by threshold. */
  readonly crossing: ReadonlyMap<number, bigint>;
  readonly active: bigint;
  /** Who crossed in the last 14 ordinary runs of the same thresholds; fewer where there were fewer. */
  readonly usuallyCrossed: readonly bigint[];
  /** Thresholds that had an ordinary run before. */
  readonly knownThresholds: ReadonlySet<number>;
  /** `MAX_CROSSED_SHARE`. */
  readonly maxShare: number;
}

export interface Hold {
  readonly crossing: bigint;
  /** The most that would have been emitted unasked. */
  readonly limit: bigint;
  readonly because: string;
}

/** So few are never held: a small school's every day would be unusual. */
const NEVER_UNDER = 100;
const TIMES_USUAL = 5;

/**
 * Why a run is to wait for a person; undefined where it may go on. It waits where more would cross than the lower of a
 * share of the active and five times the usual, or where a threshold is new; never for 100 learners or fewer.
 */
export function holdOf(figures: HoldFigures): Hold | undefined {
  return newThreshold(figures) ?? unusual(figures);
}

function newThreshold({ crossing, knownThresholds }: HoldFigures): Hold | undefined {
  for (const [days, learners] of crossing) {
    if (knownThresholds.has(days) || learners <= BigInt(NEVER_UNDER)) continue;
    return {
      crossing: total(crossing),
      limit: BigInt(NEVER_UNDER),
      because: `${learners} learners would cross ${days} days, a threshold that had no ordinary run before`,
    };
  }
  return undefined;
}

function unusual({ crossing, active, usuallyCrossed, maxShare }: HoldFigures): Hold | undefined {
  const learners = total(crossing);
  const share = {
    limit: Number(active) * maxShare,
    what: `${percent(maxShare)} of the ${active} learners active in the lookback`,
  };
  const usual = median(usuallyCrossed.map(Number));
  const times = { limit: usual * TIMES_USUAL, what: `${TIMES_USUAL} times the ${usual} who usually cross` };
  const lower = times.limit < share.limit ? times : share;
  const limit = Math.max(NEVER_UNDER, Math.floor(lower.limit));
  if (learners <= BigInt(limit)) return undefined;
  return {
    crossing: learners,
    limit: BigInt(limit),
    because: `${learners} learners would cross, more than ${lower.limit < NEVER_UNDER ? `${NEVER_UNDER} and ` : ''}${lower.what}`,
  };
}

function total(crossing: ReadonlyMap<number, bigint>): bigint {
  return [...crossing.values()].reduce((sum, learners) => sum + learners, 0n);
}

const percent = (share: number): string => `${Number((share * 100).toFixed(2))} %`;
