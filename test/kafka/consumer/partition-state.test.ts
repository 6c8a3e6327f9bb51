import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PartitionStates } from '../../../src/kafka/consumer/partition-state.ts';

const at = (partition: number) => ({ topic: 't', partition });
const position = (nextOffset: bigint, partition = 0) => ({ ...at(partition), nextOffset });
const bounds = (firstOffset: bigint, endOffset: bigint, partition = 0) => ({
  ...at(partition),
  firstOffset,
  endOffset,
});
const batch = (first: number, nextOffset: number, partition = 0, timestamp = '0') => ({
  ...at(partition),
  records: Array.from({ length: Math.max(0, nextOffset - first) }, (_, n) => ({
    key: null,
    value: null,
    timestamp,
    offset: String(first + n),
  })),
  fromOffset: BigInt(first),
  nextOffset: BigInt(nextOffset),
});
const offsets = (taken: ReturnType<PartitionStates['take']>) =>
  taken?.records.map(({ offset }) => Number(offset)) ?? [];

describe('the assignment', () => {
  it('owns the partitions of the newest join', () => {
    const partitions = new PartitionStates();
    partitions.assign({ t: [0, 1] });
    partitions.assign({ t: [1, 2] });
    expect([0, 1, 2].map((partition) => partitions.owns(at(partition)))).toEqual([false, true, true]);
    expect(partitions.owns({ topic: 'u', partition: 1 })).toBe(false);
  });

  it('forgets what was fetched before the newest join', () => {
    const partitions = new PartitionStates();
    partitions.assign({ t: [0] });
    partitions.take(batch(0, 5));
    expect(partitions.fetchedTo(at(0))).toBe(5n);
    partitions.assign({ t: [0] });
    expect(partitions.fetchedTo(at(0))).toBe(undefined);
  });
});

describe('a range', () => {
  it('takes each of its records once and no other, for any delivery', () => {
    const delivered = fc.array(fc.tuple(fc.nat(30), fc.integer({ min: 1, max: 8 })), { maxLength: 12 });
    fc.assert(
      fc.property(fc.nat(20), fc.nat(20), delivered, (first, length, extra) => {
        const partitions = new PartitionStates([bounds(BigInt(first), BigInt(first + length))]);
        const taken: number[] = [];
        // Like the driver: in order from the sought offset, sometimes again from an earlier one.
        for (const [back, size] of [...extra, [0, 99] as const]) {
          const from = Math.max(0, Number(partitions.seekOffset(at(0))) - back);
          taken.push(...offsets(partitions.take(batch(from, from + size))));
        }
        expect(taken).toEqual(Array.from({ length }, (_, n) => first + n));
        expect(partitions.isFinished(at(0))).toBe(true);
      }),
    );
  });

  it('reaches its end if the last offsets have no record', () => {
    const partitions = new PartitionStates([bounds(0n, 9n)]);
    expect(partitions.take({ ...batch(0, 3), nextOffset: 9n })).toMatchObject({ nextOffset: 9n });
    expect(partitions.isFinished(at(0))).toBe(true);
  });

  it('continues without an end, and takes no records of other partitions', () => {
    const partitions = new PartitionStates([{ ...at(0), firstOffset: 2n }]);
    expect(offsets(partitions.take(batch(0, 5)))).toEqual([2, 3, 4]);
    expect(partitions.seekOffset(at(0))).toBe(5n);
    expect(partitions.take(batch(0, 5, 1))).toBe(undefined);
    expect([0, 1].map((partition) => partitions.isFinished(at(partition)))).toEqual([false, true]);
  });

  it('takes all records without ranges', () => {
    const partitions = new PartitionStates();
    expect(offsets(partitions.take(batch(0, 2)))).toEqual([0, 1]);
    expect(offsets(partitions.take(batch(0, 2)))).toEqual([0, 1]);
    expect(partitions.isFinished(at(0))).toBe(false);
  });
});

describe('unapplied records', () => {
  it('are as old as the first of their partition', () => {
    const partitions = new PartitionStates();
    partitions.take(batch(0, 5, 0, '100'));
    partitions.take(batch(5, 9, 0, '200'));
    partitions.take(batch(0, 3, 1, '50'));
    expect(partitions.oldestUnappliedMs(at(0))).toBe(100);
    partitions.applied([position(5n)]);
    expect([0, 1, 2].map((partition) => partitions.oldestUnappliedMs(at(partition)))).toEqual([200, 50, undefined]);
    partitions.applied([position(9n), position(3n, 1)]);
    expect(partitions.oldestUnappliedMs(at(0))).toBe(undefined);
  });

  it('are those of the newest reading if a partition is read again', () => {
    const partitions = new PartitionStates();
    partitions.take(batch(90, 99, 0, '100'));
    partitions.take(batch(0, 5, 0, '300'));
    partitions.applied([position(5n)]);
    expect(partitions.oldestUnappliedMs(at(0))).toBe(undefined);
  });
});

describe('catching up', () => {
  const fetched = (fetchOffset: bigint, endOffset: bigint, partition = 0) => ({
    ...at(partition),
    fetchOffset,
    endOffset,
  });
  const joined = (...assigned: number[]) => {
    const partitions = new PartitionStates();
    partitions.assign({ t: assigned });
    return partitions;
  };

  it('is reached when every owned partition is applied to its end at its first fetch', () => {
    const partitions = joined(0, 1);
    expect([partitions.lag, partitions.isCaughtUp]).toEqual([undefined, false]);
    partitions.fetched(fetched(5n, 10n));
    expect([partitions.lag, partitions.isCaughtUp]).toEqual([5, false]);
    partitions.applied([position(10n)]);
    // The other partition was not fetched yet.
    expect([partitions.lag, partitions.isCaughtUp]).toEqual([0, false]);
    partitions.fetched(fetched(3n, 3n, 1));
    expect([partitions.lag, partitions.isCaughtUp]).toEqual([0, true]);
  });

  it('is not postponed by records that arrive meanwhile, which count as lag', () => {
    const partitions = joined(0);
    partitions.fetched(fetched(0n, 10n));
    partitions.fetched(fetched(10n, 50n));
    partitions.applied([position(10n)]);
    expect([partitions.lag, partitions.isCaughtUp]).toEqual([40, true]);
  });

  it('does not wait for records that are not due', () => {
    const partitions = joined(0);
    partitions.fetched(fetched(0n, 10n));
    partitions.lowerGoal(position(4n));
    partitions.applied([position(4n)]);
    expect([partitions.lag, partitions.isCaughtUp]).toEqual([6, true]);
  });

  it('begins again at each join, and leaves out partitions of others', () => {
    const partitions = joined(0, 1);
    partitions.fetched(fetched(0n, 0n));
    partitions.fetched(fetched(0n, 7n, 1));
    partitions.assign({ t: [0] });
    expect([partitions.lag, partitions.isCaughtUp]).toEqual([undefined, false]);
    partitions.fetched(fetched(0n, 0n));
    partitions.fetched(fetched(0n, 7n, 1));
    expect([partitions.lag, partitions.isCaughtUp]).toEqual([0, true]);
  });

  it('begins again in a partition that is read again', () => {
    const partitions = joined(0);
    partitions.fetched(fetched(90n, 99n));
    partitions.applied([position(99n)]);
    partitions.fetched(fetched(0n, 5n));
    expect([partitions.lag, partitions.isCaughtUp]).toEqual([5, false]);
  });

  it('is never reached without a partition', () => {
    expect(joined().isCaughtUp).toBe(false);
  });
});

it('lists the owned partitions by topic', () => {
  const partitions = new PartitionStates();
  partitions.assign({ t: [2, 0], u: [1] });
  partitions.assign({ t: [2, 0], u: [] });
  expect(partitions.owned).toEqual({ t: [0, 2] });
  expect(partitions.ownedCount).toBe(2);
});

describe('a goal', () => {
  const withGoals = (...[goals, starts]: Parameters<PartitionStates['setGoals']>) => {
    const partitions = new PartitionStates();
    partitions.setGoals(goals, starts);
    return partitions;
  };

  it('is reached when every partition is applied to its end', () => {
    const partitions = withGoals([bounds(2n, 10n), bounds(0n, 5n, 1)], [position(5n, 1)]);
    expect(partitions.progress).toEqual({ total: 8, read: 0, applied: 0, isDone: false });
    partitions.applied([position(9n)]);
    expect(partitions.progress).toEqual({ total: 8, read: 7, applied: 7, isDone: false });
    partitions.applied([position(12n), position(3n)]);
    expect(partitions.progress).toEqual({ total: 8, read: 8, applied: 8, isDone: true });
  });

  it('counts records as read once they are fetched, before they are applied', () => {
    const partitions = withGoals([bounds(2n, 10n)], []);
    partitions.take(batch(2, 7));
    expect(partitions.progress).toEqual({ total: 8, read: 5, applied: 0, isDone: false });
    partitions.applied([position(4n)]);
    expect(partitions.progress).toEqual({ total: 8, read: 5, applied: 2, isDone: false });
    // The partition is read again.
    partitions.take(batch(2, 3));
    expect(partitions.progress).toMatchObject({ read: 2, applied: 2 });
  });

  it('waits for the records before a lowered end, not for those after it', () => {
    const partitions = withGoals([bounds(2n, 10n)], []);
    partitions.lowerGoal(position(6n));
    partitions.applied([position(5n)]);
    expect(partitions.progress.isDone).toBe(false);
    partitions.applied([position(6n)]);
    expect(partitions.progress.isDone).toBe(true);
  });

  it('does not include records that retention has deleted', () => {
    expect(withGoals([bounds(9n, 9n)], []).progress).toMatchObject({ total: 0, isDone: true });
    expect(withGoals([bounds(9n, 9n)], [position(4n)]).progress).toMatchObject({ total: 0, isDone: true });
  });

  it('is reached at once if it is lowered to the first record', () => {
    const partitions = withGoals([bounds(2n, 10n)], []);
    partitions.lowerGoal(position(2n));
    expect(partitions.progress.isDone).toBe(true);
    partitions.lowerGoal(position(20n));
    expect(partitions.progress.isDone).toBe(true);
  });
});

describe('a pause', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('ends once, when the record of its partition is due', () => {
    const resumed: string[] = [];
    const partitions = new PartitionStates();
    partitions.pause(at(0), () => resumed.push('a'), 1_000);
    partitions.pause(at(1), () => resumed.push('b'), 2_000);
    vi.advanceTimersByTime(999);
    expect(resumed).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(resumed).toEqual(['a']);
    partitions.resumeAll();
    vi.advanceTimersByTime(10_000);
    expect(resumed).toEqual(['a', 'b']);
  });

  it('ends at the next join', () => {
    const resume = vi.fn();
    const partitions = new PartitionStates();
    partitions.pause(at(0), resume, 1_000);
    partitions.assign({ t: [0] });
    expect(resume).toHaveBeenCalledOnce();
  });

  it('replaces an earlier pause of the partition and ends after a minute at the latest', () => {
    const resumed: number[] = [];
    const partitions = new PartitionStates();
    partitions.pause(at(0), () => resumed.push(1), 1_000);
    partitions.pause(at(0), () => resumed.push(2), Number.MAX_SAFE_INTEGER);
    vi.advanceTimersByTime(59_999);
    expect(resumed).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(resumed).toEqual([2]);
  });
});
