import { type Instant, MICROS_PER_DAY } from '../activity/instant.ts';
import { SOURCES } from '../activity/source.ts';
import { must } from '../runtime/must.ts';
import { type SweepPlan, silenceWindow } from '../silence/plan.ts';
import type { SourceLearner } from '../source-activity/learners-store.ts';
import type { Census } from '../sweep/census-store.ts';
import type { DueLearner } from '../sweep/episodes-store.ts';

/** Decides learners of the source tables one by one, by the rules of {@link takeCensus} and {@link eachDue}. */
export interface SourceDecisions {
  /** The learner, if a sweep would emit an event: `CROSSED`, because the source tables do not contain earlier sweeps. */
  decide(learner: SourceLearner): DueLearner | undefined;
  census(): Census;
}

/** Only activities until the plan's as-of may be given: those after it do not hide the ones before. */
export function decideFromSource(plan: SweepPlan): SourceDecisions {
  const { after, until } = silenceWindow(plan);
  const counts = { active: 0n, inactive: 0n, unresolved: 0n };
  let due = 0;
  return {
    decide(learner) {
      const lastSeenAt = latestOf(learner);
      if (lastSeenAt <= after) return undefined;
      counts.active += 1n;
      if (lastSeenAt > until) return undefined;
      counts.inactive += 1n;
      const { userId, studentId, ...bySource } = learner;
      if (userId === null) counts.unresolved += 1n;
      if (userId === null || due === plan.limit) return undefined;
      due += 1;
      return {
        ...bySource,
        student_id: studentId,
        user_id: userId,
        phase: 'CROSSED',
        threshold_days: highestReached(plan, lastSeenAt),
        last_seen_at: lastSeenAt,
      };
    },
    // All learners are decided, and dead letters are not known.
    census: () => ({ ...counts, undecidable: 0n, doubtful: 0n }),
  };
}

function latestOf(learner: SourceLearner): Instant {
  const instants = SOURCES.flatMap((source) => learner[source] ?? []);
  return instants.reduce((latest, at) => (at > latest ? at : latest), must(instants[0], 'a learner has an activity'));
}

function highestReached({ asOf, thresholds }: SweepPlan, lastSeenAt: Instant): number {
  return Math.max(...thresholds.filter((days) => lastSeenAt <= asOf - BigInt(days) * MICROS_PER_DAY));
}
