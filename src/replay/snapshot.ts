import type { Stages } from '../kafka/consumer/stages.ts';
import type { Registry } from '../registry/client.ts';
import { type Notification, readNotification } from '../registry/notification.ts';
import { LastseenError } from '../runtime/errors.ts';

/** The state of an incremental snapshot by Debezium's notifications. */
type SnapshotState =
  | { readonly kind: 'requested' }
  | { readonly kind: 'running'; readonly table: string | undefined; readonly tablesRead: number }
  | { readonly kind: 'completed' }
  | { readonly kind: 'failed'; readonly reason: string };

/** A table scan has succeeded with status SUCCEEDED or EMPTY; Debezium completes the snapshot after a failed one too. */
function nextState(before: SnapshotState, { type, details }: Notification): SnapshotState {
  if (before.kind === 'completed' || before.kind === 'failed') return before;
  const running = before.kind === 'running' ? before : { kind: 'running' as const, table: undefined, tablesRead: 0 };
  switch (type) {
    case 'TABLE_SCAN_COMPLETED': {
      const { status, scanned_collection: table = 'a table' } = details;
      if (status !== undefined && status !== 'SUCCEEDED' && status !== 'EMPTY') {
        return { kind: 'failed', reason: `${table} was not read (${status})` };
      }
      return { ...running, tablesRead: running.tablesRead + 1 };
    }
    case 'COMPLETED':
      return { kind: 'completed' };
    case 'ABORTED':
    case 'STOPPED':
    case 'SKIPPED':
      return { kind: 'failed', reason: `Debezium reports ${type}` };
    default:
      return { ...running, table: details['current_collection_in_progress'] ?? running.table };
  }
}

export interface FollowedSnapshot {
  readonly stages: Stages<null>;
  readonly state: SnapshotState;
}

/** Follows one snapshot by reading Debezium's notification topic. */
export function followSnapshot(registry: Pick<Registry, 'writerSchema'>, snapshotId: string): FollowedSnapshot {
  let state: SnapshotState = { kind: 'requested' };
  return {
    get state() {
      return state;
    },
    stages: {
      open: () => null,
      async collect({ records }) {
        for (const { value } of records) {
          const notification = await readNotification(registry, value);
          if (notification?.id === snapshotId) state = nextState(state, notification);
        }
      },
      apply: async () => {},
      size: () => 0,
    },
  };
}

export function snapshotFailed(reason: string): LastseenError {
  return new LastseenError('snapshot_failed', `the snapshot failed: ${reason}; --restart requests another one`);
}
