import { v5 as uuidv5 } from 'uuid';
import type { StudentId } from '../activity/activity.ts';
import { dateOf, formatInstant, type Instant, MICROS_PER_DAY } from '../activity/instant.ts';
import { SOURCES, type Source } from '../activity/source.ts';
import { must } from '../runtime/must.ts';

/** `CROSSED`: first found past the threshold; `ONGOING`: found again on a later UTC date; `RETURNED`: seen again. */
export type Phase = 'CROSSED' | 'ONGOING' | 'RETURNED';

export type LastSeenBySource = Readonly<Record<Source, Instant | null>>;

/** What was decided for one learner, with the newest activity per source. */
export interface InactivityDecision extends LastSeenBySource {
  readonly phase: Phase;
  readonly studentId: StudentId;
  readonly userId: string;
  readonly thresholdDays: number;
  /** The latest activity before the silence. */
  readonly lastSeenAt: Instant;
  readonly asOf: Instant;
  /** How often a closed silence was reopened, because a repair had set the learner back to it. */
  readonly reopenings: number;
  readonly sweepRunId: string | null;
  readonly detectedAt: Instant;
}

const NAMESPACE = '9c5f2f0e-6f0b-5c0c-9a38-0d6a3a9f5b11';

/**
 * UUIDv5 of the event's content: learner, threshold, last seen, phase, for `ONGOING` the UTC date, and for a reopened
 * silence the number of its reopenings. The same decision made twice, by two processes or again after a crash, has the same
 * id.
 */
export function eventId(
  decision: Pick<InactivityDecision, 'phase' | 'studentId' | 'thresholdDays' | 'lastSeenAt' | 'asOf' | 'reopenings'>,
): string {
  const content = [decision.studentId, decision.thresholdDays, formatInstant(decision.lastSeenAt), decision.phase];
  if (decision.phase === 'ONGOING') content.push(dateOf(decision.asOf));
  if (decision.reopenings > 0) content.push(decision.reopenings);
  return uuidv5(content.join('|'), NAMESPACE);
}

/** Whole 24-hour days from last seen to the as-of. */
export function daysInactive(lastSeenAt: Instant, asOf: Instant): number {
  return Number((asOf - lastSeenAt) / MICROS_PER_DAY);
}

/** The source of the latest activity; of equal ones, the first in the order of {@link SOURCES}. */
export function decidingSource(bySource: LastSeenBySource): Source {
  let deciding: Source | undefined;
  let latest: Instant | null = null;
  for (const source of SOURCES) {
    const at = bySource[source];
    if (at !== null && (latest === null || at > latest)) {
      deciding = source;
      latest = at;
    }
  }
  return must(deciding, 'a decision is about a learner with an activity');
}
