import { v7 as uuidv7 } from 'uuid';
import type { Source } from '../activity/source.ts';
import { showProgress } from '../cli/progress-bar.ts';
import { readRange } from '../cli/read-ranges.ts';
import type { CommandContext } from '../cli/run-command.ts';
import { notificationTopic } from '../config/topic-names.ts';
import { currentPosition, observeSlot } from '../freshness/replication-store.ts';
import { writtenPositions } from '../kafka/admin/admin.ts';
import { topicBounds } from '../kafka/admin/topic-bounds.ts';
import type { KafkaClient } from '../kafka/client/client.ts';
import type { Database } from '../postgres/database.ts';
import type { Registry } from '../registry/client.ts';
import { pauseUnless } from '../runtime/pauses.ts';
import { type FollowedSnapshot, followSnapshot, snapshotFailed } from './snapshot.ts';
import { estimatedRows } from './snapshot-signal-store.ts';

export interface SnapshotWait {
  readonly database: Database;
  readonly kafka: KafkaClient;
  readonly registry: Registry;
  readonly snapshotId: string;
  readonly topics: ReadonlyMap<string, Source>;
}

const LOOK_EVERY_MS = 250;

/**
 * Waits until every row of an incremental snapshot is in the topics: Debezium says when it has read them all, and its
 * slot when Kafka has acknowledged them.
 *
 * @throws LastseenError `snapshot_failed`, `interrupted`.
 */
export async function untilSnapshotDelivered(context: CommandContext, wait: SnapshotWait): Promise<void> {
  const { kafka, registry, snapshotId } = wait;
  const topic = notificationTopic(context.settings);
  const followed = followSnapshot(registry, snapshotId);
  await readRange(context, {
    kafka,
    groupId: `lastseen-snapshot-${uuidv7()}`,
    // From its beginning: it may have been told while nobody was listening.
    ranges: (await topicBounds(kafka, [topic])).map(({ endOffset: _end, ...range }) => range),
    ends: [],
    stages: followed.stages,
    what: undefined,
    whenStopped: 'the snapshot goes on by itself, and the same command follows it on',
    afterwards: (ending) => watch(context, wait, followed, pauseUnless(ending)),
  });
}

async function watch(
  { settings, log, terminal, now }: CommandContext,
  { database, kafka, topics }: SnapshotWait,
  followed: FollowedSnapshot,
  pause: (ms: number) => Promise<boolean>,
): Promise<void> {
  const written = async () =>
    (await writtenPositions(kafka, [...topics.keys()])).reduce((sum, { nextOffset }) => sum + Number(nextOffset), 0);
  const before = await written();
  // Both are estimates: rows are counted by the planner, and what else is written to the topics meanwhile counts too.
  const total = await estimatedRows(database, topics.values());
  const progress = showProgress({ what: 'snapshot', unit: 'rows', total, log, terminal });
  try {
    const giveUpAt = now() + BigInt(Math.round(settings.WAIT_FRESH)) * 1000n;
    for (; followed.stage.kind !== 'completed'; progress.update(Math.min(total, (await written()) - before))) {
      if (followed.stage.kind === 'failed') throw snapshotFailed(followed.stage.because);
      if (followed.stage.kind === 'asked' && now() >= giveUpAt) {
        throw snapshotFailed(
          'Debezium has not begun it; are signal.data.collection and notification.enabled.channels=sink set, ' +
            'is the signal table in the publication, is the connector running?',
        );
      }
      if (!(await pause(LOOK_EVERY_MS))) return;
    }
  } finally {
    progress.end();
  }
  const slot = settings.REPLICATION_SLOT ?? settings.TOPIC_PREFIX;
  const position = await currentPosition(database, 0n);
  if (position === undefined) throw new Error('a clock that stands before the epoch');
  for (;;) {
    const { kind } = await observeSlot(database, slot, position);
    if (kind === 'past') return;
    if (kind !== 'behind') throw snapshotFailed(`replication slot ${slot} is ${kind}`);
    if (!(await pause(LOOK_EVERY_MS))) return;
  }
}
