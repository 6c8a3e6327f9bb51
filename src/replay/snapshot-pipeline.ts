import type { Source } from '../activity/source.ts';
import type { RangeReading } from '../cli/read-offset-ranges.ts';
import { type DeliveryView, isDelivered, readDelivery } from '../freshness/delivery-pipeline.ts';
import { deliveryBroken } from '../freshness/judgement.ts';
import { currentPosition, sourcePrimary } from '../freshness/replication-store.ts';
import { endPositions, topicBounds } from '../kafka/admin/offsets.ts';
import type { KafkaClient } from '../kafka/client/client.ts';
import type { Registry } from '../registry/client.ts';
import { must } from '../runtime/must.ts';
import { pause } from '../runtime/retries.ts';
import { type FollowedSnapshot, followSnapshot, snapshotFailed } from './snapshot.ts';
import { estimatedRows } from './snapshot-request-store.ts';

export interface SnapshotDeps extends DeliveryView {
  readonly kafka: KafkaClient;
  readonly registry: Registry;
  readonly topics: ReadonlyMap<string, Source>;
  readonly notificationTopic: string;
  /** The consumer group that reads it. */
  readonly groupId: string;
  /** How long Debezium may take to start the snapshot. */
  readonly startTimeoutMs: number;
  readonly readOffsetRanges: <A>(reading: Omit<RangeReading<A>, 'kafka'>) => Promise<void>;
  readonly showProgress: (rows: number) => { update(done: number): void; end(): void };
}

const POLL_MS = 250;

/**
 * Waits until every row of an incremental snapshot is in the topics: Debezium notifies when it has read all rows, and the
 * position of its slot, or its committed offset, shows when Kafka has acknowledged them.
 *
 * @throws LastseenError `snapshot_failed`, `interrupted`.
 */
export async function waitForSnapshot(deps: SnapshotDeps, snapshotId: string): Promise<void> {
  const snapshot = followSnapshot(deps.registry, snapshotId);
  await deps.readOffsetRanges({
    groupId: deps.groupId,
    // From the first record: a notification may have been written while no process was reading.
    ranges: (await topicBounds(deps.kafka, [deps.notificationTopic])).map(({ endOffset: _end, ...range }) => range),
    stages: snapshot.stages,
    what: undefined,
    whenStopped: 'the snapshot continues without this process, and the same command waits for it again',
    afterwards: async (stopping) => {
      if (await waitForCompletion(deps, snapshot, stopping)) await waitForDelivery(deps, stopping);
    },
  });
}

/** @returns false on a stop signal. */
async function waitForCompletion(
  deps: SnapshotDeps,
  snapshot: FollowedSnapshot,
  stopping: AbortSignal,
): Promise<boolean> {
  const { kafka, topics, now } = deps;
  const written = async () =>
    (await endPositions(kafka, [...topics.keys()])).reduce((sum, { nextOffset }) => sum + Number(nextOffset), 0);
  const before = await written();
  // The progress is an estimate: the planner counts the rows, and other records written meanwhile count as well.
  const total = await estimatedRows(deps.slotDatabase, topics.values());
  const progress = deps.showProgress(total);
  try {
    const deadline = now() + BigInt(Math.round(deps.startTimeoutMs)) * 1000n;
    while (snapshot.state.kind !== 'completed') {
      if (snapshot.state.kind === 'failed') throw snapshotFailed(snapshot.state.reason);
      if (snapshot.state.kind === 'requested' && now() >= deadline) {
        throw snapshotFailed(
          'Debezium has not started it; check signal.data.collection, notification.enabled.channels=sink, ' +
            'the signal table in the publication, and that the connector is running',
        );
      }
      if (!(await pause(POLL_MS, stopping))) return false;
      progress.update(Math.min(total, (await written()) - before));
    }
    return true;
  } finally {
    progress.end();
  }
}

async function waitForDelivery(deps: SnapshotDeps, stopping: AbortSignal): Promise<void> {
  const position = must(await currentPosition(await sourcePrimary(deps), 0n), 'the clock of the primary is after 1970');
  const target = { position };
  for (;;) {
    const delivery = await readDelivery(deps, target);
    if (isDelivered(delivery)) return;
    const [broken] = deliveryBroken(delivery);
    if (broken !== undefined) throw snapshotFailed(broken);
    if (!(await pause(POLL_MS, stopping))) return;
  }
}
