/**
 * The types of own events, for programs that read their topics. The values are as a decoder returns them that reads Avro's
 * `long` as bigint: instants are microseconds since 1970-01-01T00:00:00Z.
 */
export type { Instant } from './activity/instant.ts';
export type { InactivityEvent } from './events/inactivity-event.ts';
export type { KpiUpdatedEvent } from './events/kpi-updated-event.ts';
