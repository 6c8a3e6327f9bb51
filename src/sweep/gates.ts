import { dateOf, formatInstant, type Instant, MICROS_PER_DAY } from '../activity/instant.ts';
import type { SweepPlan } from '../silence/plan.ts';

/** The conditions for an event, in the order in which they are checked; the first that fails decides. */
const GATES = ['known', 'named', 'decidable', 'within_lookback', 'past_threshold', 'undoubted', 'due'] as const;

interface Gate {
  readonly gate: (typeof GATES)[number];
  /** Null if an earlier gate failed, so this one was not reached. */
  readonly passed: boolean | null;
  readonly why: string;
}

export interface GateInputs {
  /** The learner's row in `user_last_seen`, if there is one. */
  readonly seen: { readonly userId: string | null; readonly lastSeenAt: Instant } | undefined;
  /** Episodes of the learner's current silence. */
  readonly episodes: readonly {
    readonly thresholdDays: number;
    readonly lastSeenAt: Instant;
    /** UTC date of its newest event. */
    readonly notedOn: string;
    /** The as-of of its return; null while it is open. */
    readonly returnedAsOf: Instant | null;
  }[];
  /** Open dead letters of the learner. */
  readonly letters?: readonly {
    /** The latest instant that the record can contain; null if unknown. */
    readonly latestActivityAt: Instant | null;
  }[];
}

interface GateVerdict {
  readonly gates: readonly Gate[];
  /** The event that a sweep would record; null for none. */
  readonly phase: 'CROSSED' | 'ONGOING' | null;
  /** The highest threshold reached; null if that gate failed or was not reached. */
  readonly thresholdDays: number | null;
}

/** What a sweep with this plan would decide for one learner, gate by gate. The sweep itself decides in one statement. */
export function checkGates({ seen, episodes, letters = [] }: GateInputs, plan: SweepPlan): GateVerdict {
  if (seen === undefined) {
    const gates = untilFailure({ known: { passed: false, why: 'no activity was ever applied' } });
    return { gates, phase: null, thresholdDays: null };
  }
  const { userId, lastSeenAt } = seen;
  const silence = plan.asOf - lastSeenAt;
  const silent = `silent for ${(Number(silence) / Number(MICROS_PER_DAY)).toFixed(3)}`;
  const isAtLeast = (days: number) => silence >= BigInt(days) * MICROS_PER_DAY;
  const thresholdDays = plan.thresholds.filter(isAtLeast).sort((a, b) => b - a)[0] ?? null;
  const noted = episodes.find((each) => each.thresholdDays === thresholdDays && each.lastSeenAt === lastSeenAt);
  const { phase, why } = due(noted, plan);
  const thresholdAt = plan.asOf - BigInt(thresholdDays ?? 0) * MICROS_PER_DAY;
  const doubts = letters.filter(
    ({ latestActivityAt }) => latestActivityAt === null || latestActivityAt > thresholdAt,
  ).length;
  const gates = untilFailure({
    known: { passed: true, why: 'has a row in user_last_seen' },
    named: named(userId),
    decidable: {
      passed: silence >= 0n,
      why:
        silence >= 0n
          ? 'not seen after the as-of'
          : `seen after the as-of, at ${formatInstant(lastSeenAt)}: the table does not keep earlier activities`,
    },
    within_lookback: {
      passed: !isAtLeast(plan.lookbackDays),
      why: `${silent} of less than ${plan.lookbackDays} days`,
    },
    past_threshold: {
      passed: thresholdDays !== null,
      why:
        thresholdDays === null
          ? `${silent} of at least ${Math.min(...plan.thresholds)} days`
          : `${silent} days, at least ${thresholdDays}`,
    },
    undoubted: {
      passed: doubts === 0,
      why: doubts === 0 ? 'no open dead letter matters' : `${doubts} open dead letters may contain a later activity`,
    },
    due: {
      passed: phase !== null,
      why,
    },
  });
  const isPast = gates.some(({ gate, passed }) => gate === 'past_threshold' && passed === true);
  return isPast
    ? { gates, phase: doubts === 0 ? phase : null, thresholdDays }
    : { gates, phase: null, thresholdDays: null };
}

function named(userId: string | null): { readonly passed: boolean; readonly why: string } {
  if (userId === null) return { passed: false, why: 'no source has a user_id' };
  if (userId === '') return { passed: false, why: 'the empty user_id is no learner' };
  return { passed: true, why: `user_id ${userId}` };
}

function untilFailure(checks: Partial<Record<Gate['gate'], { passed: boolean; why: string }>>): Gate[] {
  let isReached = true;
  return GATES.map((gate) => {
    const check = checks[gate];
    if (!isReached || check === undefined) return { gate, passed: null, why: 'not reached' };
    isReached = check.passed;
    return { gate, ...check };
  });
}

/** @param noted the episode of the learner's silence at the threshold. */
function due(
  noted: GateInputs['episodes'][number] | undefined,
  { asOf, refresh }: SweepPlan,
): Pick<GateVerdict, 'phase'> & { readonly why: string } {
  if (noted === undefined) return { phase: 'CROSSED', why: 'this silence has no event yet' };
  if (noted.returnedAsOf !== null) {
    const returned = `a return at ${formatInstant(noted.returnedAsOf)} closed this silence`;
    if (noted.returnedAsOf > asOf) return { phase: null, why: `${returned}, after the as-of` };
    return { phase: 'CROSSED', why: `${returned}, and last seen was set back to it: it reopens` };
  }
  const isDueAgain = refresh === 'daily' && noted.notedOn < dateOf(asOf);
  return { phase: isDueAgain ? 'ONGOING' : null, why: `noted on ${noted.notedOn}` };
}
