import type { Position } from '../client/records.ts';

/** The longest that a driver may go without a sign: connecting to brokers that swallow everything takes it over a minute. */
const DRIVER_SILENT_MS = 3 * 60_000;
/** The longest that one attempt to decode or to apply may take. */
const STAGES_SILENT_MS = 10 * 60_000;

/** What is known of a consumer from what it did, for those who ask whether it lives. Times are of one monotonic clock. */
export interface VitalSigns {
  /** The driver did anything by itself, if only to fail and try again. */
  driverActed(atMs: number): void;
  /** A broker has answered this member of the group. */
  groupAnswered(atMs: number): void;
  joined(assignment: Readonly<Record<string, readonly number[]>>, atMs: number): void;
  leftGroup(): void;
  /** The stages have nothing in flight, or an attempt of theirs has come to an end, if only in an outage. */
  stagesActed(atMs: number): void;
  died(why: string): void;
  /** Whether the newest assignment has the partition. */
  owns(partition: Pick<Position, 'topic' | 'partition'>): boolean;
  isMember(nowMs: number): boolean;
  /** Undefined while it lives; waiting for an outage is living. */
  whyDead(nowMs: number): string | undefined;
}

/** @param sessionTimeoutMs after so long without an answer, the group has given the partitions to others. */
export function createVitalSigns(sessionTimeoutMs: number, startedAtMs: number): VitalSigns {
  let driverAt = startedAtMs;
  let stagesAt = startedAtMs;
  let answeredAt: number | undefined;
  let isJoined = false;
  let death: string | undefined;
  let owned = new Map<string, readonly number[]>();
  const signs: VitalSigns = {
    driverActed: (atMs) => {
      driverAt = atMs;
    },
    groupAnswered: (atMs) => {
      driverAt = atMs;
      answeredAt = atMs;
    },
    joined(assignment, atMs) {
      signs.groupAnswered(atMs);
      isJoined = true;
      owned = new Map(Object.entries(assignment));
    },
    leftGroup: () => {
      isJoined = false;
    },
    stagesActed: (atMs) => {
      stagesAt = atMs;
    },
    died: (why) => {
      death ??= why;
      isJoined = false;
    },
    owns: ({ topic, partition }) => owned.get(topic)?.includes(partition) ?? false,
    isMember: (nowMs) => isJoined && answeredAt !== undefined && nowMs - answeredAt <= sessionTimeoutMs,
    whyDead(nowMs) {
      if (death !== undefined) return death;
      if (nowMs - driverAt > DRIVER_SILENT_MS) return `the consumer has done nothing for ${seconds(nowMs - driverAt)}`;
      if (nowMs - stagesAt > STAGES_SILENT_MS)
        return `one transaction has taken more than ${seconds(nowMs - stagesAt)}`;
      return undefined;
    },
  };
  return signs;
}

const seconds = (ms: number) => `${Math.floor(ms / 1000)} s`;
