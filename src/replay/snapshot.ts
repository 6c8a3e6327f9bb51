import type { Stages } from '../kafka/consumer/stages.ts';
import type { Registry } from '../registry/client.ts';
import { type Notification, readNotification } from '../registry/notification.ts';
import { LastseenError } from '../runtime/errors.ts';

/** How far an incremental snapshot is, as Debezium tells it. */
type SnapshotStage =
  | { readonly kind: 'asked' }
  | { readonly kind: 'running'; readonly table: string | undefined; readonly tablesRead: number }
  | { readonly kind: 'completed' }
  | { readonly kind: 'failed'; readonly because: string };

/** What follows from a notification of the snapshot. A table that is empty is read; any other ending is none. */
function snapshotStage(before: SnapshotStage, { type, details }: Notification): SnapshotStage {
  if (before.kind === 'completed' || before.kind === 'failed') return before;
  const running = before.kind === 'running' ? before : { kind: 'running' as const, table: undefined, tablesRead: 0 };
  switch (type) {
    case 'TABLE_SCAN_COMPLETED': {
      const { status, scanned_collection: table = 'a table' } = details;
      if (status !== undefined && status !== 'SUCCEEDED' && status !== 'EMPTY') {
        return { kind: 'failed', because: `${table} was not read (${status})` };
      }
      return { ...running, tablesRead: running.tablesRead + 1 };
    }
    case 'COMPLETED':
      return { kind: 'completed' };
    case 'ABORTED':
    case 'STOPPED':
    case 'SKIPPED':
      return { kind: 'failed', because: `Debezium says ${type}` };
    default:
      return { ...running, table: details['current_collection_in_progress'] ?? running.table };
  }
}

export interface FollowedSnapshot {
  readonly stages: Stages<null>;
  readonly stage: SnapshotStage;
}

/** Follows one snapshot through the topic of notifications. */
export function followSnapshot(registry: Pick<Registry, 'writerSchema'>, snapshotId: string): FollowedSnapshot {
  let stage: SnapshotStage = { kind: 'asked' };
  return {
    get stage() {
      return stage;
    },
    stages: {
      open: () => null,
      async collect({ records }) {
        for (const { value } of records) {
          const told = await readNotification(registry, value);
          if (told?.id === snapshotId) stage = snapshotStage(stage, told);
        }
      },
      apply: async () => {},
      size: () => 0,
    },
  };
}

/** Nothing was heard of a snapshot, or it was given up. */
export function snapshotFailed(because: string): LastseenError {
  return new LastseenError('snapshot_failed', `the snapshot has failed: ${because}; --restart asks for another one`);
}
