/** The longest time without a sign of the driver. Connecting to unreachable brokers takes it over a minute. */
const DRIVER_SILENT_MS = 3 * 60_000;
/** The longest time of one attempt to decode or to apply. */
const STAGES_SILENT_MS = 10 * 60_000;

/** Tracks the liveness of a consumer from its activity. All times are from one monotonic clock. */
export class ConsumerHealth {
  readonly #sessionTimeoutMs: number;
  #driverAtMs: number;
  #stagesAtMs: number;
  #answeredAtMs = Number.NEGATIVE_INFINITY;
  #isJoined = false;
  #death: string | undefined;

  /** @param sessionTimeoutMs after this time without an answer the group has reassigned the partitions. */
  constructor(sessionTimeoutMs: number, startedAtMs: number) {
    this.#sessionTimeoutMs = sessionTimeoutMs;
    this.#driverAtMs = startedAtMs;
    this.#stagesAtMs = startedAtMs;
  }

  /** The driver did something; a failed attempt counts. */
  driverActed(atMs: number): void {
    this.#driverAtMs = atMs;
  }

  /** The group coordinator answered this member. */
  groupAnswered(atMs: number): void {
    this.#driverAtMs = atMs;
    this.#answeredAtMs = atMs;
  }

  joinedGroup(atMs: number): void {
    this.groupAnswered(atMs);
    this.#isJoined = true;
  }

  leftGroup(atMs: number): void {
    this.#driverAtMs = atMs;
    this.#isJoined = false;
  }

  /** The stages are idle, or an attempt of theirs ended; a failed attempt counts. */
  stagesActed(atMs: number): void {
    this.#stagesAtMs = atMs;
  }

  died(why: string): void {
    this.#death ??= why;
    this.#isJoined = false;
  }

  isMember(nowMs: number): boolean {
    return this.#isJoined && nowMs - this.#answeredAtMs <= this.#sessionTimeoutMs;
  }

  /** Undefined while the consumer is alive; it is alive while it waits for an outage to end. */
  whyDead(nowMs: number): string | undefined {
    if (this.#death !== undefined) return this.#death;
    const driverMs = nowMs - this.#driverAtMs;
    if (driverMs > DRIVER_SILENT_MS) return `the consumer has done nothing for ${seconds(driverMs)}`;
    const stagesMs = nowMs - this.#stagesAtMs;
    if (stagesMs > STAGES_SILENT_MS) return `one transaction has taken more than ${seconds(stagesMs)}`;
    return undefined;
  }
}

function seconds(ms: number): string {
  return `${Math.floor(ms / 1000)} s`;
}
