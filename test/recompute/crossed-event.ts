import { randomUUID } from 'node:crypto';
import { type Instant, MICROS_PER_DAY, parseInstant } from '../../src/activity/instant.ts';
import { studentIdOf } from '../../src/activity/learner.ts';
import { perSource } from '../../src/activity/source.ts';
import type { InactivityEvent } from '../../src/events/inactivity-event.ts';
import { must } from '../../src/runtime/must.ts';

export const AS_OF: Instant = must(parseInstant('2026-03-16T05:00:00Z'), 'an instant');
const SEEN: Instant = AS_OF - 8n * MICROS_PER_DAY;

/** An event about a learner who was last seen in a session eight days before the as-of. */
export function crossedEvent(userId: string, changes: Partial<InactivityEvent> = {}): InactivityEvent {
  return {
    event_id: randomUUID(),
    phase: 'CROSSED',
    user_id: userId,
    student_id: studentIdOf(userId),
    threshold_days: 7,
    last_seen_at: SEEN,
    days_inactive: 8,
    deciding_source: 'session',
    last_seen_by_source: { ...perSource(() => null), session: SEEN },
    as_of: AS_OF,
    sweep_run_id: null,
    detected_at: AS_OF,
    reopenings: 0,
    ...changes,
  };
}
