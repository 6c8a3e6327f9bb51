import type { Instant } from '../activity/instant.ts';
import type { Lsn } from '../postgres/database.ts';
import { formatLsn, parseLsn } from '../postgres/lsn.ts';

/** What proves that the connector has delivered: its slot, the source offset that Kafka Connect has committed, or both. */
export type FreshnessProof = 'slot' | 'connect' | 'both';

/** A connector's source offset as Kafka Connect has committed it: everything before it is acknowledged by Kafka. */
export interface CommittedOffset {
  readonly connector: string;
  /** E.g. `RUNNING`, `PAUSED` or `STOPPED`. An offset can be changed only while the connector is stopped. */
  readonly state: string;
  /** A connector that was just stopped may still have one, which commits its last offset. */
  readonly hasTasks: boolean;
  /** Debezium's snapshot is not complete. */
  readonly isSnapshot: boolean;
  /** Debezium's `lsn_commit`: the last transaction that was sent to its end. Undefined before the first one. */
  readonly lsn: bigint | undefined;
  /** Debezium's `ts_usec`: when that transaction was committed, or a later one of which a part was sent. */
  readonly newestAt: Instant | undefined;
}

/** The committed offset, compared with the position to prove. */
export type ConnectEvidence =
  | { readonly kind: 'unknown'; readonly reason: string }
  | { readonly kind: 'past' }
  | { readonly kind: 'stopped' | 'snapshot' | 'none'; readonly connector: string }
  | { readonly kind: 'behind'; readonly connector: string; readonly state: string; readonly bytes: bigint }
  /** It was changed by hand, or the server was restored: what lies between is not known to be delivered. */
  | { readonly kind: 'changed'; readonly connector: string; readonly how: string };

/**
 * Compares a committed offset with a position. `lsn_commit`, not `lsn` or `lsn_proc`: those may lie within a transaction
 * of which Kafka has only a part. It is what Debezium confirms to the slot, too.
 *
 * @param before the last one that was read, if any
 * @param current the position of the server, read after the offset
 */
export function compareOffset(
  { connector, state, isSnapshot, lsn }: CommittedOffset,
  { position, current, before }: { readonly position: Lsn; readonly current: Lsn; readonly before: bigint | undefined },
): ConnectEvidence {
  if (state === 'STOPPED') return { kind: 'stopped', connector };
  if (before !== undefined && (lsn === undefined || lsn < before)) {
    const to = lsn === undefined ? 'it was deleted' : `it went back to ${formatLsn(lsn)}`;
    return { kind: 'changed', connector, how: `${to} from ${formatLsn(before)}` };
  }
  if (isSnapshot) return { kind: 'snapshot', connector };
  if (lsn === undefined) return { kind: 'none', connector };
  if (lsn > parseLsn(current)) {
    return { kind: 'changed', connector, how: `${formatLsn(lsn)} is past the end of the server's log, ${current}` };
  }
  if (lsn > parseLsn(position)) return { kind: 'past' };
  return { kind: 'behind', connector, state, bytes: parseLsn(position) - lsn };
}

/** The committed offset at one look, stored for the next one. */
export interface OffsetEvidence {
  readonly connector: string;
  /** Nothing but an operator moves the offset. */
  readonly isStopped: boolean;
  readonly lsn: bigint | null;
}

export function offsetEvidence({ connector, state, hasTasks, lsn }: CommittedOffset): OffsetEvidence {
  return { connector, isStopped: state === 'STOPPED' && !hasTasks, lsn: lsn ?? null };
}

/**
 * How the offset was changed between two looks, also of two processes. If it was set forward within the log, and the connector
 * was not seen stopped before and after, it looks like one that the connector has committed.
 */
export function offsetChanges(
  stored: OffsetEvidence | null,
  { offset, flushLsn }: { readonly offset: OffsetEvidence | null; readonly flushLsn: bigint },
): string[] {
  if (stored === null || offset === null || offset.lsn === stored.lsn) return [];
  const from = stored.lsn === null ? 'none' : formatLsn(stored.lsn);
  const changed = (how: string) => [`the committed offset of connector ${offset.connector} ${how}`];
  if (offset.lsn === null) return changed(`was deleted; it was ${from}`);
  const to = formatLsn(offset.lsn);
  if (stored.lsn !== null && offset.lsn < stored.lsn) return changed(`went back to ${to} from ${from}`);
  if (offset.lsn > flushLsn)
    return changed(`was set to ${to}, past the end of the server's log, ${formatLsn(flushLsn)}`);
  if (stored.isStopped && offset.isStopped) return changed(`was set to ${to} from ${from} while it was stopped`);
  return [];
}

/** Why waiting does not help; empty if it may. */
export function offsetBroken(evidence: ConnectEvidence): string[] {
  switch (evidence.kind) {
    case 'stopped':
      return [
        `connector ${evidence.connector} is STOPPED, and its offset may be changed meanwhile: resume it, and if its offset ` +
          'was changed, run `lastseen audit --repair`',
      ];
    case 'changed':
      return [
        `the committed offset of connector ${evidence.connector} was changed: ${evidence.how}: run \`lastseen audit --repair\``,
      ];
    case 'unknown':
    case 'snapshot':
    case 'none':
    case 'behind':
    case 'past':
      return [];
  }
}

/** What is being waited for; empty if the offset is past the position. */
export function offsetBehind(evidence: ConnectEvidence): string[] {
  switch (evidence.kind) {
    case 'unknown':
      return [`the committed offset of the connector is unknown: ${evidence.reason}`];
    case 'snapshot':
      return [`the connector has not delivered: the snapshot of connector ${evidence.connector} is not complete`];
    case 'none':
      return [
        `the connector has not delivered: connector ${evidence.connector} has committed no offset of a transaction`,
      ];
    case 'behind': {
      const { connector, state, bytes } = evidence;
      return [
        `the connector has not delivered: the committed offset of connector ${connector} (${state}) has not passed the ` +
          `position to prove, ${bytes} bytes behind`,
      ];
    }
    case 'stopped':
    case 'changed':
    case 'past':
      return [];
  }
}
