import { describe, expect, it } from 'vitest';
import type { Position, RawBatch } from '../../../src/kafka/client/records.ts';
import { createBatchQueue } from '../../../src/kafka/consumer/batch-queue.ts';
import { StageRunner, type StageRunnerOptions } from '../../../src/kafka/consumer/stage-runner.ts';
import { placeOf } from '../../../src/runtime/errors.ts';

const batch = (from: number, count: number, partition = 0): RawBatch => ({
  topic: 't',
  partition,
  records: Array.from({ length: count }, (_, n) => ({
    key: null,
    value: Buffer.from(String(from + n)),
    timestamp: '0',
    offset: String(from + n),
  })),
  fromOffset: BigInt(from),
  nextOffset: BigInt(from + count),
});

/** Collects values, and records what is applied and committed, in order. */
function setUp(changes: Partial<StageRunnerOptions<string[]>> & { apply?: (values: string[]) => Promise<void> } = {}) {
  const queue = createBatchQueue(1_000_000);
  const applied: string[][] = [];
  const committed: Position[][] = [];
  let records = 0;
  const runner = new StageRunner<string[]>({
    queue,
    limits: { maxDelayMs: 5, maxDelayBehindMs: 60_000, maxRows: 1_000 },
    isOutage: (error) => (error as Error).message === 'outage',
    commit: async (positions) => {
      committed.push([...positions]);
    },
    ...changes,
    stages: {
      open: () => [],
      collect: async (batch, into) => {
        records += batch.records.length;
        into.push(...batch.records.map(({ value }) => String(value)));
      },
      apply: async (values) => {
        await changes.apply?.(values);
        applied.push(values);
      },
      size: (values) => values.length,
    },
  });
  return { queue, runner, applied, committed, collected: () => records };
}

describe('the stage runner', () => {
  it('applies every record once, in order, and commits the position of each partition', async () => {
    const { queue, runner, applied, committed } = setUp();
    queue.push(batch(0, 3));
    queue.push(batch(10, 2, 1));
    queue.push(batch(3, 2));
    await runner.finish();
    expect(applied.flat()).toEqual(['0', '1', '2', '10', '11', '3', '4']);
    expect(
      committed
        .flat()
        .filter(({ partition }) => partition === 0)
        .at(-1)?.nextOffset,
    ).toBe(5n);
    expect(
      committed
        .flat()
        .filter(({ partition }) => partition === 1)
        .at(-1)?.nextOffset,
    ).toBe(12n);
  });

  it('commits the newest position, not the highest, if a partition is read again', async () => {
    const { queue, runner, committed } = setUp();
    queue.push(batch(10, 5));
    queue.push(batch(0, 2));
    await runner.finish();
    expect(committed.flat().at(-1)?.nextOffset).toBe(2n);
  });

  it('collects while one transaction is in flight, and never has two', async () => {
    const gate = Promise.withResolvers<void>();
    let inFlight = 0;
    let most = 0;
    const { queue, runner, applied, collected } = setUp({
      apply: async () => {
        inFlight += 1;
        most = Math.max(most, inFlight);
        await gate.promise;
        inFlight -= 1;
      },
    });
    queue.push(batch(0, 1));
    await until(() => inFlight === 1);
    for (let n = 1; n <= 5; n++) queue.push(batch(n, 1));
    await until(() => collected() === 6);
    expect(applied).toEqual([]);
    gate.resolve();
    await runner.finish();
    expect(applied).toEqual([['0'], ['1', '2', '3', '4', '5']]);
    expect(most).toBe(1);
  });

  it('folds on while the partition has more records, until its end or maxRows', async () => {
    const { queue, runner, applied, collected } = setUp();
    queue.push({ ...batch(0, 2), isBehind: true });
    queue.push(batch(10, 2, 1));
    await until(() => collected() === 4);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(applied).toEqual([]);
    queue.push({ ...batch(2, 996), isBehind: true });
    await until(() => applied.length === 1);
    expect(applied[0]).toHaveLength(1_000);
    queue.push({ ...batch(998, 1), isBehind: true });
    queue.push(batch(999, 1));
    await until(() => applied.length === 2);
    expect(applied[1]).toEqual(['998', '999']);
    await runner.finish();
  });

  it('waits for an outage in place: nothing is committed before, nothing is lost after', async () => {
    let failures = 3;
    const waits: number[] = [];
    const ended: string[] = [];
    const committedBefore: number[] = [];
    const { queue, runner, applied, committed } = setUp({
      apply: async () => {
        committedBefore.push(committed.length);
        if (failures-- > 0) throw new Error('outage');
      },
      onOutage: (_error, waitMs) => waits.push(waitMs),
      onOutageEnded: ({ message }) => ended.push(message),
    });
    queue.push(batch(0, 2));
    await until(() => committed.length === 1);
    await runner.finish();
    expect(applied).toEqual([['0', '1']]);
    expect(waits).toHaveLength(3);
    expect(ended).toEqual(['outage']);
    expect(committedBefore).toEqual([0, 0, 0, 0]);
  });

  it('ends at any other failure, with nothing committed', async () => {
    const { queue, runner, committed } = setUp({
      apply: async () => {
        throw new Error('a bug');
      },
    });
    queue.push(batch(0, 2));
    await expect(runner.done).rejects.toThrow('a bug');
    expect(committed).toEqual([]);
  });

  it('notes topic, partition and offsets of the records with which it ends', async () => {
    const failure = new Error('a bug');
    // Applied when all are collected, also on a busy machine.
    const limits = { maxDelayMs: 60_000, maxDelayBehindMs: 60_000, maxRows: 6 };
    const { queue, runner } = setUp({ limits, apply: async () => Promise.reject(failure) });
    queue.push(batch(0, 3));
    queue.push(batch(3, 2));
    queue.push(batch(10, 1, 1));
    await expect(runner.done).rejects.toBe(failure);
    expect(placeOf(failure)).toBe('t partition 0 offsets 0 to 4, t partition 1 offset 10');
  });

  it('takes no turn while an attempt to apply does not end', async () => {
    let turns = 0;
    const attempts: PromiseWithResolvers<void>[] = [];
    const { queue, runner, collected } = setUp({
      apply: () => {
        const attempt = Promise.withResolvers<void>();
        attempts.push(attempt);
        return attempt.promise;
      },
      onTurn: () => {
        turns += 1;
      },
    });
    queue.push(batch(0, 1));
    await until(() => attempts.length === 1);
    const before = turns;
    for (let n = 1; n <= 5; n++) queue.push(batch(n, 1));
    await until(() => collected() === 6);
    expect(turns).toBe(before);
    attempts[0]?.resolve();
    await until(() => attempts.length === 2);
    expect(turns).toBeGreaterThan(before);
    attempts[1]?.resolve();
    await runner.finish();
  });

  it('does not wait for an outage to end after finish', async () => {
    const { queue, runner, committed } = setUp({
      apply: async () => {
        throw new Error('outage');
      },
    });
    queue.push(batch(0, 1));
    await runner.finish();
    await expect(runner.done).rejects.toThrow('outage');
    expect(committed).toEqual([]);
  });
});

/** The condition's text is in the message after the deadline. */
async function until(condition: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 4_000; !condition(); await new Promise((resolve) => setTimeout(resolve, 2))) {
    if (Date.now() > deadline) throw new Error(`not within 4 s: ${condition}`);
  }
}
