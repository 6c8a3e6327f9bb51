import type { Position } from '../client/records.ts';

/** The longest time without a sign of the driver. Connecting to unreachable brokers takes it over a minute. */
const DRIVER_SILENT_MS = 3 * 60_000;
/** The longest time of one attempt to decode or to apply. */
const STAGES_SILENT_MS = 10 * 60_000;

/** Tracks the liveness of a consumer from its activity. All times are from one monotonic clock. */
export interface VitalSigns {
  /** The driver did something; a failed attempt counts. */
  driverActed(atMs: number): void;
  /** The group coordinator answered this member. */
  groupAnswered(atMs: number): void;
  joined(assignment: Readonly<Record<string, readonly number[]>>, atMs: number): void;
  leftGroup(): void;
  /** The stages are idle, or an attempt of theirs ended; a failed attempt counts. */
  stagesActed(atMs: number): void;
  died(why: string): void;
  /** Whether the newest assignment has the partition. */
  owns(partition: Pick<Position, 'topic' | 'partition'>): boolean;
  isMember(nowMs: number): boolean;
  /** Undefined while the consumer is alive; it is alive while it waits for an outage to end. */
  whyDead(nowMs: number): string | undefined;
}

/** @param sessionTimeoutMs after this time without an answer the group has reassigned the partitions. */
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
