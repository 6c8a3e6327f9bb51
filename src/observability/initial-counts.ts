import type { DeadLetterReason } from '../activity/activity.ts';
import type { ErrorCode } from '../runtime/errors.ts';
import type { Metrics } from './metrics.ts';

const OUTAGES = [
  'kafka_unavailable',
  'postgres_conflict',
  'postgres_unavailable',
  'registry_unavailable',
  'replica_behind',
] as const satisfies readonly ErrorCode[];

const RELAY_FAILURES = [
  'kafka_unavailable',
  'kafka_refused',
  'config_invalid',
  'topic_missing',
] as const satisfies readonly ErrorCode[];

const LETTERS = {
  not_decodable: 0,
  unknown_schema: 0,
  unknown_operation: 0,
  missing_column: 0,
  bad_learner: 0,
  bad_instant: 0,
  instant_in_future: 0,
  instant_too_old: 0,
  postgres_refused: 0,
  bad_event: 0,
  recompute_failed: 0,
  replica_behind: 0,
} as const satisfies Readonly<
  Record<DeadLetterReason | 'postgres_refused' | 'bad_event' | 'recompute_failed' | 'replica_behind', 0>
>;

/** Sets the counters of alerts to 0: for a counter that first appears with a value, Prometheus sees no increase. */
export function countFromZero(metrics: Metrics): void {
  for (const code of OUTAGES) metrics.outageWaits.inc({ code }, 0);
  for (const reason of Object.keys(LETTERS)) metrics.deadLetters.inc({ reason }, 0);
  for (const code of RELAY_FAILURES) metrics.relayFailures.inc({ code }, 0);
  metrics.recompute.inc({ what: 'failed' }, 0);
}
