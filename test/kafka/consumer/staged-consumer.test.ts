import type { Kafka } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { ConsumerHealth } from '../../../src/kafka/consumer/consumer-health.ts';
import type { OffsetRange } from '../../../src/kafka/consumer/offset-ranges.ts';
import { PartitionStates } from '../../../src/kafka/consumer/partition-state.ts';
import { startStagedConsumer } from '../../../src/kafka/consumer/staged-consumer.ts';
import { createLogger } from '../../../src/runtime/logging.ts';

type Listener = (event: { payload: unknown }) => void;

/** A driver that does nothing by itself; `emit` sends its events. */
function setUp(
  changes: { connect?: () => Promise<void>; apply?: () => Promise<void>; ranges?: readonly OffsetRange[] } = {},
) {
  const names = [
    'CONNECT',
    'START_BATCH_PROCESS',
    'DISCONNECT',
    'FETCH_START',
    'FETCH',
    'REQUEST',
    'REQUEST_TIMEOUT',
    'HEARTBEAT',
  ];
  const events = Object.fromEntries(
    [...names, 'REBALANCING', 'STOP', 'GROUP_JOIN', 'CRASH'].map((name) => [name, name]),
  );
  const listeners = new Map<string, Listener[]>();
  const nothing = async () => {};
  const committed: string[] = [];
  const calls: string[] = [];
  const handler = Promise.withResolvers<(payload: unknown) => Promise<void>>();
  const consumer = {
    events,
    on: (name: string, listener: Listener) => listeners.set(name, [...(listeners.get(name) ?? []), listener]),
    connect: changes.connect ?? nothing,
    subscribe: nothing,
    run: async ({ eachBatch }: { eachBatch: (payload: unknown) => Promise<void> }) => handler.resolve(eachBatch),
    disconnect: nothing,
    commitOffsets: async (offsets: readonly { partition: number; offset: string }[]) => {
      committed.push(...offsets.map(({ partition, offset }) => `${partition}: ${offset}`));
    },
    seek: ({ partition, offset }: { partition: number; offset: string }) => calls.push(`seek ${partition}: ${offset}`),
    pause: ([paused]: { partitions: number[] }[]) => calls.push(`pause ${paused?.partitions}`),
  };
  const graceDeadline = new AbortController();
  const health = new ConsumerHealth(30_000, performance.now());
  const outages: string[] = [];
  let died = 0;
  const running = startStagedConsumer<string[]>({
    kafka: { consumer: () => consumer } as unknown as Kafka,
    groupId: 'g',
    topics: ['t'],
    stages: { open: () => [], collect: nothing, apply: changes.apply ?? nothing, size: () => 0 },
    limits: { maxDelayMs: 5, maxDelayBehindMs: 50, maxRows: 10, maxQueuedBytes: 1_000 },
    sessionTimeoutMs: 30_000,
    log: createLogger({ level: 'silent', pretty: false, command: 'test' }),
    health,
    partitions: new PartitionStates(changes.ranges),
    graceDeadline: graceDeadline.signal,
    on: {
      outage: (error) => outages.push((error as { code?: string }).code ?? ''),
      died: () => {
        died += 1;
      },
    },
  });
  const emit = (name: string, payload: unknown) =>
    listeners.get(name)?.forEach((listener) => void listener({ payload }));
  const messages = [{ key: null, value: Buffer.from('x'), timestamp: '0', offset: '0' }];
  const batch = { topic: 't', partition: 0, messages, fetchedOffset: '0', highWatermark: '1', lastOffset: () => '0' };
  const deliver = async () =>
    (await handler.promise)({
      batch,
      resolveOffset: () => {},
      heartbeat: nothing,
      isStale: () => false,
      isRunning: () => true,
    });
  return { running, deliver, health, graceDeadline, emit, outages, committed, calls, died: () => died };
}

describe('a staged consumer', () => {
  it('fails with the error of a driver crash, also of a bug in the driver', async () => {
    const { running, health, emit, died } = setUp();
    emit('CRASH', { error: new TypeError('cannot read properties of null'), restart: false });
    await expect(running.done).rejects.toMatchObject({
      code: 'kafka_unavailable',
      message: 'the Kafka consumer crashed: cannot read properties of null',
      retriable: false,
    });
    expect(health.whyDead(performance.now())).toMatch('the Kafka consumer crashed');
    expect(died()).toBe(1);
  });

  it('continues when the driver restarts, and is a member again after it has joined', async () => {
    const { running, health, emit } = setUp();
    emit('GROUP_JOIN', { memberAssignment: { t: [1] } });
    expect(health.isMember(performance.now())).toBe(true);
    emit('CRASH', { error: new Error('no broker'), restart: true });
    expect(health.isMember(performance.now())).toBe(false);
    expect(health.whyDead(performance.now())).toBe(undefined);
    emit('GROUP_JOIN', { memberAssignment: { t: [1] } });
    expect(health.isMember(performance.now())).toBe(true);
    await running.stop();
    await running.done;
  });

  it('waits for brokers that are unavailable at its start', async () => {
    let failures = 2;
    const connected = Promise.withResolvers<void>();
    const { running, outages } = setUp({
      connect: async () => {
        if (failures-- > 0) throw Object.assign(new Error('refused'), { retriable: true });
        connected.resolve();
      },
    });
    await connected.promise;
    expect(outages).toEqual(['kafka_unavailable', 'kafka_unavailable']);
    await running.stop();
    await running.done;
  });

  it('stops before it has ever connected', async () => {
    const { running } = setUp({ connect: () => new Promise(() => {}) });
    await running.stop();
    await running.done;
  });

  it('abandons an apply that does not end before the shutdown deadline', async () => {
    const applying = Promise.withResolvers<void>();
    const { running, deliver, graceDeadline } = setUp({
      apply: () => {
        applying.resolve();
        return new Promise(() => {});
      },
    });
    await deliver();
    await applying.promise;
    const stopped = running.stop();
    graceDeadline.abort(new Error('out of time'));
    await stopped;
    await expect(running.done).rejects.toThrow('out of time');
  });

  it('commits the offset of a batch only after it is applied', async () => {
    const applying = Promise.withResolvers<void>();
    const applied = Promise.withResolvers<void>();
    const { running, deliver, emit, committed } = setUp({
      apply: () => {
        applying.resolve();
        return applied.promise;
      },
    });
    emit('GROUP_JOIN', { memberAssignment: { t: [0] } });
    await deliver();
    await applying.promise;
    expect(committed).toEqual([]);
    applied.resolve();
    await running.stop();
    await running.done;
    expect(committed).toEqual(['0: 1']);
  });

  it('commits no offset of a partition that it no longer owns', async () => {
    const { running, deliver, emit, committed } = setUp();
    emit('GROUP_JOIN', { memberAssignment: { t: [0] } });
    await deliver();
    emit('GROUP_JOIN', { memberAssignment: { t: [1] } });
    await running.stop();
    await running.done;
    expect(committed).toEqual([]);
  });

  it('commits the end of a batch of only control records', async () => {
    const { running, emit, committed } = setUp();
    emit('GROUP_JOIN', { memberAssignment: { t: [0] } });
    const controlRecords = { batchSize: 0, firstOffset: null, lastOffset: '7', highWatermark: '8' };
    emit('START_BATCH_PROCESS', { topic: 't', partition: 0, ...controlRecords });
    await running.stop();
    await running.done;
    expect(committed).toEqual(['0: 8']);
  });

  it('seeks to its ranges at a join, and pauses partitions without a rest', async () => {
    const ranges = [
      { topic: 't', partition: 0, firstOffset: 5n, endOffset: 9n },
      { topic: 't', partition: 1, firstOffset: 3n, endOffset: 3n },
    ];
    const { running, emit, calls } = setUp({ ranges });
    emit('GROUP_JOIN', { memberAssignment: { t: [0, 1, 2] } });
    expect(calls).toEqual(['seek 0: 5', 'pause 1', 'pause 2']);
    await running.stop();
    await running.done;
  });
});
