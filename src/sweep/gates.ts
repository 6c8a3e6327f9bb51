import { dateOf, formatInstant, type Instant, MICROS_PER_DAY } from '../activity/instant.ts';
import type { SweepPlan } from '../silence/plan.ts';

/** What a sweep asks of a learner, in this order; the first that is not passed ends it. */
type GateName = 'known' | 'named' | 'decidable' | 'within_lookback' | 'past_threshold' | 'due';

interface Gate {
  readonly gate: GateName;
  /** Null where an earlier gate was not passed, so that this one was not reached. */
  readonly passed: boolean | null;
  readonly why: string;
}

export interface GateInputs {
  /** The learner's row of last seen, if there is one. */
  readonly seen: { readonly userId: string | null; readonly lastSeenAt: Instant } | undefined;
  /** Of the learner's present silence. */
  readonly episodes: readonly {
    readonly thresholdDays: number;
    readonly lastSeenAt: Instant;
    /** The UTC date of the newest event about it. */
    readonly notedOn: string;
  }[];
}

export interface Judgement {
  readonly gates: readonly Gate[];
  /** The event that a sweep would record; null for none. */
  readonly phase: 'CROSSED' | 'ONGOING' | null;
  /** The highest threshold passed; null where none is. */
  readonly thresholdDays: number | null;
}

/** What a sweep with this plan would decide of one learner, gate by gate; the sweep itself decides all in one statement. */
export function judge({ seen, episodes }: GateInputs, plan: SweepPlan): Judgement {
  const gates: Gate[] = [];
  const asked = (gate: GateName, passed: boolean, why: string): boolean => {
    const reached = gates.every((before) => before.passed === true);
    gates.push({ gate, passed: reached ? passed : null, why: reached ? why : 'not reached' });
    return reached && passed;
  };
  const at = seen?.lastSeenAt ?? 0n;
  const silent = plan.asOf - at;
  const days = (Number(silent) / Number(MICROS_PER_DAY)).toFixed(3);
  const reached = plan.thresholds.filter((each) => silent >= BigInt(each) * MICROS_PER_DAY);
  const threshold = reached.length === 0 ? undefined : Math.max(...reached);
  const lowest = Math.min(...plan.thresholds);

  asked('known', seen !== undefined, seen ? 'has a row in user_last_seen' : 'no activity was ever applied');
  asked(
    'named',
    typeof seen?.userId === 'string',
    seen?.userId ? `user_id ${seen.userId}` : 'no source named a user_id',
  );
  asked(
    'decidable',
    silent >= 0n,
    silent >= 0n
      ? 'not seen after the as-of'
      : `seen after the as-of, at ${formatInstant(at)}: what was before is not in the table`,
  );
  asked(
    'within_lookback',
    silent < BigInt(plan.lookbackDays) * MICROS_PER_DAY,
    `silent for ${days} of less than ${plan.lookbackDays} days`,
  );
  const past = asked(
    'past_threshold',
    threshold !== undefined,
    threshold === undefined
      ? `silent for ${days} of at least ${lowest} days`
      : `silent for ${days} days, at least ${threshold}`,
  );
  const noted = episodes.find((each) => each.thresholdDays === threshold && each.lastSeenAt === at);
  const phase = noted === undefined ? 'CROSSED' : isDueAgain(noted.notedOn, plan) ? 'ONGOING' : null;
  asked('due', phase !== null, noted === undefined ? 'this silence was not noted yet' : `noted on ${noted.notedOn}`);
  return {
    gates,
    phase: past ? phase : null,
    thresholdDays: past ? (threshold ?? null) : null,
  };
}

function isDueAgain(notedOn: string, plan: SweepPlan): boolean {
  return plan.refresh === 'daily' && notedOn < dateOf(plan.asOf);
}
