import type { Position } from '../kafka/client/records.ts';
import type { PartitionRange } from '../kafka/consumer/offset-range.ts';
import { arrayLiteral } from '../postgres/arrays.ts';
import type { Queryable } from '../postgres/database.ts';
import { LastseenError } from '../runtime/errors.ts';

/** A replay that has not ended; `D` is what it tells at its end, as it stands by now. */
export interface ReplayState<D> {
  /** The consumer groups that have read for it, the newest last. */
  readonly groupIds: readonly string[];
  /** Whether it fills the shadow, which is one for all. */
  readonly intoShadow: boolean;
  /** The snapshot it waits for or was asked to read. */
  readonly snapshotId: string | null;
  readonly done: D;
  /** What is left of each partition; without an end, up to `track`. */
  readonly ranges: readonly PartitionRange[];
}

/** What was kept of the replay by whoever was interrupted; undefined where nothing is. */
export async function findReplay<D>(db: Queryable, replayId: string): Promise<ReplayState<D> | undefined> {
  const { rows } = await db.query<{ groupIds: string[]; snapshotId: string | null; intoShadow: boolean; done: D }>({
    text: `
SELECT group_ids AS "groupIds", snapshot_id AS "snapshotId", into_shadow AS "intoShadow", done FROM lastseen.replay WHERE replay_id = $1`,
    values: [replayId],
  });
  const [found] = rows;
  if (found === undefined) return undefined;
  const { rows: partitions } = await db.query<{
    topic: string;
    partition: number;
    next_offset: bigint;
    end_offset: bigint | null;
  }>({
    text: `
SELECT topic, partition, next_offset, end_offset FROM lastseen.replay_partition
WHERE replay_id = $1 ORDER BY topic, partition`,
    values: [replayId],
  });
  return {
    ...found,
    ranges: partitions.map(({ topic, partition, next_offset, end_offset }) => ({
      topic,
      partition,
      firstOffset: next_offset,
      endOffset: end_offset ?? undefined,
    })),
  };
}

/** The same replay goes on in a group of its own. */
export async function goOnInGroup(db: Queryable, replayId: string, groupId: string): Promise<void> {
  await db.query({
    text: 'UPDATE lastseen.replay SET group_ids = array_append(group_ids, $2) WHERE replay_id = $1',
    values: [replayId, groupId],
  });
}

/** Begins a replay, in place of whatever was kept under its name; one that fills the shadow with the shadow empty. */
export async function keepReplay<D>(tx: Queryable, replayId: string, state: ReplayState<D>): Promise<void> {
  await forgetReplay(tx, replayId);
  if (state.intoShadow) await emptyShadow(tx);
  await tx.query({
    text: 'INSERT INTO lastseen.replay (replay_id, group_ids, snapshot_id, into_shadow, done) VALUES ($1, $2, $3, $4, $5)',
    values: [replayId, [...state.groupIds], state.snapshotId, state.intoShadow, JSON.stringify(state.done)],
  });
  await tx.query({
    text: `
INSERT INTO lastseen.replay_partition (replay_id, topic, partition, first_offset, next_offset, end_offset)
SELECT $1, topic, partition, first_offset, first_offset, end_offset
FROM unnest($2::text[], $3::int[], $4::int8[], $5::int8[]) AS u (topic, partition, first_offset, end_offset)`,
    values: [
      replayId,
      state.ranges.map(({ topic }) => topic),
      arrayLiteral(state.ranges.map(({ partition }) => partition)),
      arrayLiteral(state.ranges.map(({ firstOffset }) => firstOffset)),
      arrayLiteral(state.ranges.map(({ endOffset }) => endOffset ?? null)),
    ],
  });
}

/**
 * Notes how far a replay is and what it has done, in the transaction that did it.
 *
 * @throws LastseenError `replay_lost` where nothing is known of it any more: what it had applied may be gone as well.
 */
export async function noteReplay<D>(
  tx: Queryable,
  replayId: string,
  positions: readonly Position[],
  done: D,
): Promise<void> {
  const { count: noted } = await tx.query({
    name: 'note_replay_partitions',
    text: `
UPDATE lastseen.replay_partition p SET next_offset = GREATEST(p.next_offset, u.next_offset)
FROM unnest($2::text[], $3::int[], $4::int8[]) AS u (topic, partition, next_offset)
WHERE p.replay_id = $1 AND p.topic = u.topic AND p.partition = u.partition`,
    values: [
      replayId,
      positions.map(({ topic }) => topic),
      arrayLiteral(positions.map(({ partition }) => partition)),
      arrayLiteral(positions.map(({ nextOffset }) => nextOffset)),
    ],
  });
  const { count } = await tx.query({
    name: 'note_replay',
    text: 'UPDATE lastseen.replay SET done = $2 WHERE replay_id = $1',
    values: [replayId, JSON.stringify(done)],
  });
  if (noted < positions.length || count === 0) throw lost();
}

function lost(): LastseenError {
  return new LastseenError(
    'replay_lost',
    'what this replay had done is gone (the database server has crashed, or somebody has emptied its tables); ' +
      'start it again: it begins anew',
  );
}

/** Empties the shadow, and forgets where replays are that had filled it: none may go on with what is not there. */
export async function emptyShadow(tx: Queryable): Promise<void> {
  await tx.query({
    text: `
DELETE FROM lastseen.replay_partition WHERE replay_id IN (SELECT replay_id FROM lastseen.replay WHERE into_shadow)`,
  });
  await tx.query({ text: 'DELETE FROM lastseen.replay WHERE into_shadow' });
  await tx.query({ text: 'TRUNCATE lastseen.replay_shadow' });
}

/** Removes what was kept of a replay that has ended or is to begin anew. */
export async function forgetReplay(db: Queryable, replayId: string): Promise<void> {
  await db.query({ text: 'DELETE FROM lastseen.replay_partition WHERE replay_id = $1', values: [replayId] });
  await db.query({ text: 'DELETE FROM lastseen.replay WHERE replay_id = $1', values: [replayId] });
}

/**
 * How many records `track` has applied that the replay has not: its shadow may stand in for the table where there are
 * none.
 *
 * @throws LastseenError `replay_lost`, also where a topic was given partitions that the replay does not read.
 */
export async function behindProgress(db: Queryable, replayId: string): Promise<bigint> {
  const { rows } = await db.query<{ behind: bigint; strangers: bigint; known: boolean }>({
    text: `
SELECT
  coalesce(sum(GREATEST(p.next_offset - r.next_offset, 0)), 0)::int8 AS behind,
  count(*) FILTER (WHERE r.topic IS NULL AND p.next_offset > 0) AS strangers,
  EXISTS (SELECT FROM lastseen.replay WHERE replay_id = $1) AS known
FROM lastseen.track_progress p
LEFT JOIN lastseen.replay_partition r ON r.replay_id = $1 AND r.topic = p.topic AND r.partition = p.partition
WHERE p.topic IN (SELECT topic FROM lastseen.replay_partition WHERE replay_id = $1)`,
    values: [replayId],
  });
  const [row] = rows;
  if (row === undefined || !row.known) throw lost();
  if (row.strangers > 0n) {
    throw new LastseenError('replay_lost', 'a topic was given new partitions meanwhile; --restart begins anew');
  }
  return row.behind;
}

/** Fixes where an open reading ends. */
export async function endReplayAt(db: Queryable, replayId: string, ends: readonly Position[]): Promise<void> {
  await db.query({
    text: `
UPDATE lastseen.replay_partition p SET end_offset = GREATEST(u.end_offset, p.first_offset)
FROM unnest($2::text[], $3::int[], $4::int8[]) AS u (topic, partition, end_offset)
WHERE p.replay_id = $1 AND p.topic = u.topic AND p.partition = u.partition`,
    values: [
      replayId,
      ends.map(({ topic }) => topic),
      arrayLiteral(ends.map(({ partition }) => partition)),
      arrayLiteral(ends.map(({ nextOffset }) => nextOffset)),
    ],
  });
}
