import { formatInstant } from '../activity/instant.ts';
import { perSource } from '../activity/source.ts';
import type { OutgoingRecord } from '../kafka/client/records.ts';
import { daysInactive, decidingSource, eventId, type InactivityDecision } from './inactivity-decision.ts';

/** The event's value, as in `schemas/lastseen.inactivity.v1.avsc`; instants in microseconds. */
export function inactivityEvent(decision: InactivityDecision) {
  return {
    event_id: eventId(decision),
    phase: decision.phase,
    user_id: decision.userId,
    student_id: decision.studentId,
    threshold_days: decision.thresholdDays,
    last_seen_at: decision.lastSeenAt,
    days_inactive: daysInactive(decision.lastSeenAt, decision.asOf),
    deciding_source: decidingSource(decision),
    last_seen_by_source: perSource((source) => decision[source]),
    as_of: decision.asOf,
    sweep_run_id: decision.sweepRunId,
    detected_at: decision.detectedAt,
    reopenings: decision.reopenings,
  };
}

export type InactivityEvent = ReturnType<typeof inactivityEvent>;

/** The record, keyed by the learner, with CloudEvents attributes as headers. */
export function inactivityRecord(
  decision: InactivityDecision,
  encode: (event: InactivityEvent) => Buffer,
): OutgoingRecord {
  const event = inactivityEvent(decision);
  return {
    key: event.student_id,
    value: encode(event),
    headers: {
      ce_specversion: '1.0',
      ce_id: event.event_id,
      ce_type: 'lastseen.inactivity.v1',
      ce_source: event.sweep_run_id === null ? '/lastseen/track' : '/lastseen/sweep',
      ce_time: formatInstant(event.detected_at),
      ce_subject: event.student_id,
    },
  };
}
