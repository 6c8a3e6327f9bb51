import { type Instant, MICROS_PER_DAY } from '../activity/instant.ts';
import { median } from '../history/usual-volume.ts';

/** What a run would emit, and what runs usually emit. All counts are learners. */
export interface HoldFigures {
  /** Learners who would cross, by threshold. */
  readonly crossing: ReadonlyMap<number, bigint>;
  readonly active: bigint;
  /** Learners who crossed on each of the last UTC dates with ordinary runs of the same thresholds, at most 14 dates. */
  readonly usuallyCrossed: readonly bigint[];
  /** Thresholds that had an ordinary run before this one. */
  readonly knownThresholds: ReadonlySet<number>;
  /** `MAX_CROSSED_SHARE`. */
  readonly maxShare: number;
}

export interface Hold {
  readonly crossing: bigint;
  /** The largest number of learners who may cross without approval. */
  readonly limit: bigint;
  readonly because: string;
}

/** Up to this many are never held: in a small school every day would be unusual. */
const NEVER_HELD = 100;
const TIMES_USUAL = 5;

/**
 * Why a run must wait for approval; undefined if it need not. A run is held if more learners would cross than the lower
 * of a share of the active ones and five times the usual number, or if a threshold is new; never for 100 or fewer.
 */
export function holdReason(figures: HoldFigures): Hold | undefined {
  return newThreshold(figures) ?? unusual(figures);
}

/**
 * A held run cannot be approved if both its as-of and its start are before this instant: learners have crossed since, and
 * the sources may have changed. A run for a past as-of can be approved for as long after its start as any other.
 */
export function approvableSince(now: Instant): Instant {
  return now - 3n * MICROS_PER_DAY;
}

function newThreshold({ crossing, knownThresholds }: HoldFigures): Hold | undefined {
  for (const [days, learners] of crossing) {
    if (knownThresholds.has(days) || learners <= BigInt(NEVER_HELD)) continue;
    return {
      crossing: total(crossing),
      limit: BigInt(NEVER_HELD),
      because: `${learners} learners would cross ${days} days, a threshold that had no ordinary run before`,
    };
  }
  return undefined;
}

function unusual({ crossing, active, usuallyCrossed, maxShare }: HoldFigures): Hold | undefined {
  const learners = total(crossing);
  const usual = median(usuallyCrossed.map(Number));
  const share = {
    limit: Number(active) * maxShare,
    what: `${percent(maxShare)} of the ${active} learners active in the lookback`,
  };
  const times = usual !== undefined && {
    limit: usual * TIMES_USUAL,
    what: `${TIMES_USUAL} times the ${usual} who usually cross per day`,
  };
  const lower = times && times.limit < share.limit ? times : share;
  const limit = Math.max(NEVER_HELD, Math.floor(lower.limit));
  if (learners <= BigInt(limit)) return undefined;
  const atLeast = lower.limit < NEVER_HELD ? `${NEVER_HELD} and ` : '';
  return {
    crossing: learners,
    limit: BigInt(limit),
    because: `${learners} learners would cross, more than ${atLeast}${lower.what}`,
  };
}

function total(crossing: ReadonlyMap<number, bigint>): bigint {
  return [...crossing.values()].reduce((sum, learners) => sum + learners, 0n);
}

const percent = (share: number): string => `${Number((share * 100).toFixed(2))} %`;
