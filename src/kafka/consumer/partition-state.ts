import type { PartitionBounds } from '../admin/offsets.ts';
import { type Partition, type Position, partitionKey, partitionOfKey, type RawBatch } from '../client/records.ts';
import type { OffsetRange } from './offset-ranges.ts';

/** All that a consumer knows about one partition. */
interface PartitionState {
  /** In the newest assignment. It stays true after leaving the group: applied offsets are still to be committed. */
  isOwned: boolean;
  /** The offset after the last record fetched since the group was joined. */
  fetchedTo?: bigint | undefined;
  /** Fetched batches that are not applied, oldest first. */
  unapplied: { readonly nextOffset: bigint; readonly firstTimestampMs: number }[];
  /** The rest of the range to read. Without an end, reading does not stop. */
  range?: { next: bigint; readonly end: bigint | undefined };
  /** The end that a bounded reading waits for, with the offsets to read at its start, and how far they are fetched and applied. */
  goal?: { readonly total: number; fetched: bigint; applied: bigint; end: bigint };
  /** What the fetches since the group was joined show of an owned partition. */
  reading?: Reading | undefined;
  /** While the next record is not due. */
  pause?: { readonly timer: NodeJS.Timeout; readonly resume: () => void } | undefined;
}

interface Reading {
  /** Starts at the first fetched offset. */
  appliedTo: bigint;
  /** The newest known end of the partition. */
  end: bigint;
  /** The end at the first fetch, or the first record that is not due: up to here the consumer has to catch up. */
  catchUpTo: bigint;
}

/** Progress of a bounded reading, counted in offsets. */
export interface ReadingProgress {
  readonly total: number;
  /** Fetched; some of it may wait to be applied. */
  readonly read: number;
  readonly applied: number;
  /** All is applied. */
  readonly isDone: boolean;
}

interface Fetch extends Partition {
  readonly fetchOffset: bigint;
  readonly endOffset: bigint;
}

/** A longer pause is checked again after this time: the clock may be set, and timers have a maximum. */
const LONGEST_PAUSE_MS = 60_000;

/** The only owner of what a consumer knows about its partitions. */
export class PartitionStates {
  readonly #states = new Map<string, PartitionState>();
  readonly #isRestricted: boolean;

  /** @param ranges the only offsets to read; absent: all records. */
  constructor(ranges?: readonly OffsetRange[]) {
    this.#isRestricted = ranges !== undefined;
    for (const range of ranges ?? []) {
      this.#stateOf(range).range = { next: range.firstOffset, end: range.endOffset };
    }
  }

  /** Replaces the assignment. Pauses end: the new owner decides again which partitions wait. */
  assign(assignment: Readonly<Record<string, readonly number[]>>): void {
    this.resumeAll();
    for (const state of this.#states.values()) {
      state.isOwned = false;
      state.fetchedTo = undefined;
      state.reading = undefined;
    }
    for (const [topic, partitions] of Object.entries(assignment)) {
      for (const partition of partitions) this.#stateOf({ topic, partition }).isOwned = true;
    }
  }

  owns(partition: Partition): boolean {
    return this.#find(partition)?.isOwned ?? false;
  }

  /** The owned partitions, by topic. */
  get owned(): Readonly<Record<string, readonly number[]>> {
    const owned = [...this.#states].filter(([, { isOwned }]) => isOwned).map(([key]) => partitionOfKey(key));
    const byTopic = Object.groupBy(owned, ({ topic }) => topic);
    return Object.fromEntries(
      Object.entries(byTopic).map(([topic, of = []]) => [
        topic,
        of.map(({ partition }) => partition).sort((a, b) => a - b),
      ]),
    );
  }

  get ownedCount(): number {
    return this.#readings.length;
  }

  /** Registers where a fetch began, and where the partition ended then. */
  fetched({ fetchOffset, endOffset: end, ...partition }: Fetch): void {
    const state = this.#find(partition);
    if (state === undefined || !state.isOwned) return;
    // A fetch below what is applied reads the partition again, such as a topic that was created again.
    if (state.reading === undefined || fetchOffset < state.reading.appliedTo) {
      state.reading = { appliedTo: fetchOffset, end, catchUpTo: end };
    } else state.reading.end = end;
  }

  /** Records of owned partitions that are not applied; undefined before the first fetch. */
  get lag(): number | undefined {
    const readings = this.#readings.filter((reading) => reading !== undefined);
    if (readings.length === 0) return undefined;
    return readings.reduce((sum, { appliedTo, end }) => sum + offsetsBetween(appliedTo, end), 0);
  }

  /** Whether all owned partitions are applied to the ends that they had when they were fetched first. */
  get isCaughtUp(): boolean {
    const readings = this.#readings;
    return readings.length > 0 && readings.every((each) => each !== undefined && each.appliedTo >= each.catchUpTo);
  }

  get #readings(): readonly (Reading | undefined)[] {
    return [...this.#states.values()].filter(({ isOwned }) => isOwned).map(({ reading }) => reading);
  }

  /** The offset to read next within the range; undefined without a range. */
  seekOffset(partition: Partition): bigint | undefined {
    return this.#find(partition)?.range?.next;
  }

  /** Whether nothing of the partition is left to read. */
  isFinished(partition: Partition): boolean {
    const range = this.#find(partition)?.range;
    if (range === undefined) return this.#isRestricted;
    return range.end !== undefined && range.next >= range.end;
  }

  /** The offset after the last record fetched since the group was joined; undefined before the first fetch. */
  fetchedTo(partition: Partition): bigint | undefined {
    return this.#find(partition)?.fetchedTo;
  }

  /** Registers a fetched batch. @returns the part of it to apply; undefined if there is none. */
  take(fetched: RawBatch): RawBatch | undefined {
    const state = this.#stateOf(fetched);
    state.fetchedTo = fetched.nextOffset;
    const batch = this.#isRestricted ? this.#takeFromRange(state, fetched) : fetched;
    if (batch !== undefined && state.goal !== undefined) state.goal.fetched = batch.nextOffset;
    const [first] = batch?.records ?? [];
    if (batch === undefined || first === undefined) return batch;
    // If the partition is read again, what was fetched before no longer counts.
    const last = state.unapplied.at(-1);
    if (last !== undefined && batch.fromOffset < last.nextOffset) state.unapplied = [];
    state.unapplied.push({ nextOffset: batch.nextOffset, firstTimestampMs: Number(first.timestamp) });
    return batch;
  }

  /**
   * Leaves out records outside the range and records taken before: after a rebalance the driver may deliver again what
   * is still queued.
   */
  #takeFromRange({ range }: PartitionState, batch: RawBatch): RawBatch | undefined {
    if (range === undefined || this.isFinished(batch) || batch.nextOffset <= range.next) return undefined;
    const { next, end } = range;
    const isInRange = (offset: bigint) => offset >= next && (end === undefined || offset < end);
    range.next = end !== undefined && batch.nextOffset > end ? end : batch.nextOffset;
    return {
      ...batch,
      records: batch.records.filter(({ offset }) => isInRange(BigInt(offset))),
      nextOffset: range.next,
      isBehind: batch.isBehind === true && range.next !== end,
    };
  }

  /** Registers positions that this process or another member of the group has applied. */
  applied(positions: readonly Position[]): void {
    for (const position of positions) {
      const state = this.#find(position);
      if (state === undefined) continue;
      const { nextOffset } = position;
      state.unapplied = state.unapplied.filter((batch) => batch.nextOffset > nextOffset);
      if (state.goal !== undefined && state.goal.applied < nextOffset) state.goal.applied = nextOffset;
      if (state.reading !== undefined && state.reading.appliedTo < nextOffset) state.reading.appliedTo = nextOffset;
    }
  }

  /** The timestamp of the oldest record that is fetched but not applied, in ms since the epoch. */
  oldestUnappliedMs(partition: Partition): number | undefined {
    return this.#find(partition)?.unapplied[0]?.firstTimestampMs;
  }

  /** Calls `resume` after `waitMs`, and replaces an earlier pause. Only a timer is kept, no record. */
  pause(partition: Partition, resume: () => void, waitMs: number): void {
    const state = this.#stateOf(partition);
    clearTimeout(state.pause?.timer);
    const end = () => {
      state.pause = undefined;
      resume();
    };
    state.pause = { timer: setTimeout(end, Math.min(waitMs, LONGEST_PAUSE_MS)), resume };
  }

  resumeAll(): void {
    for (const state of this.#states.values()) {
      if (state.pause === undefined) continue;
      clearTimeout(state.pause.timer);
      state.pause.resume();
      state.pause = undefined;
    }
  }

  /**
   * Sets the ends that a bounded reading waits for.
   *
   * @param starts where reading starts; a partition without one starts at its first record.
   */
  setGoals(bounds: readonly PartitionBounds[], starts: readonly Position[]): void {
    const startOf = new Map(starts.map((start) => [partitionKey(start), start.nextOffset]));
    for (const { firstOffset, endOffset: end, ...partition } of bounds) {
      const start = startOf.get(partitionKey(partition)) ?? firstOffset;
      // Retention may have deleted records after the start.
      const applied = start > firstOffset ? start : firstOffset;
      this.#stateOf(partition).goal = { total: offsetsBetween(applied, end), fetched: applied, applied, end };
    }
  }

  /** Lowers the goals: the record at the position and later ones are not waited for. */
  lowerGoal(position: Position): void {
    const { goal, reading } = this.#find(position) ?? {};
    if (reading !== undefined && position.nextOffset < reading.catchUpTo) reading.catchUpTo = position.nextOffset;
    if (goal !== undefined && position.nextOffset < goal.end) goal.end = position.nextOffset;
  }

  /** The partitions that are not read to their goals. */
  get unfinished(): readonly string[] {
    return [...this.#states].flatMap(([key, { goal }]) => (goal !== undefined && goal.applied < goal.end ? [key] : []));
  }

  get progress(): ReadingProgress {
    let total = 0;
    let notFetched = 0;
    let notApplied = 0;
    for (const { goal } of this.#states.values()) {
      if (goal === undefined) continue;
      const { applied, fetched, end } = goal;
      total += goal.total;
      notFetched += offsetsBetween(fetched > applied ? fetched : applied, end);
      notApplied += offsetsBetween(applied, end);
    }
    return { total, read: total - notFetched, applied: total - notApplied, isDone: notApplied === 0 };
  }

  #find(partition: Partition): PartitionState | undefined {
    return this.#states.get(partitionKey(partition));
  }

  #stateOf(partition: Partition): PartitionState {
    const key = partitionKey(partition);
    const state = this.#states.get(key) ?? { isOwned: false, unapplied: [] };
    this.#states.set(key, state);
    return state;
  }
}

function offsetsBetween(start: bigint, end: bigint): number {
  return end > start ? Number(end - start) : 0;
}
