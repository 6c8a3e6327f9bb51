import type { Stages } from '../kafka/consumer/stages.ts';
import type { Registry } from '../registry/client.ts';
import { type Notification, readNotification } from '../registry/notification.ts';
import { LastseenError } from '../runtime/errors.ts';

/** The state of an incremental snapshot by Debezium's notifications. */
type SnapshotState =
  | { readonly kind: 'requested' | 'running' | 'completed' }
  | { readonly kind: 'failed'; readonly reason: string };

/** Debezium reports COMPLETED even if it could not read a table, so the status of each table scan is checked. */
function nextState(before: SnapshotState, { type, additional_data: details }: Notification): SnapshotState {
  if (before.kind === 'completed' || before.kind === 'failed') return before;
  switch (type) {
    case 'TABLE_SCAN_COMPLETED': {
      const { status = 'SUCCEEDED', scanned_collection: table = 'a table' } = details ?? {};
      const wasRead = status === 'SUCCEEDED' || status === 'EMPTY';
      return wasRead ? { kind: 'running' } : { kind: 'failed', reason: unread(table, status) };
    }
    case 'COMPLETED':
      return { kind: 'completed' };
    case 'ABORTED':
    case 'STOPPED':
    case 'SKIPPED':
      return { kind: 'failed', reason: `Debezium reports ${type}` };
    default:
      return { kind: 'running' };
  }
}

function unread(table: string, status: string): string {
  const why =
    status === 'SQL_EXCEPTION'
      ? ': the role of the connector needs the right to read it, as k8s/postgres/replication.sql grants'
      : '';
  return `${table} was not read (${status})${why}`;
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
