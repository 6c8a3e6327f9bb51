import type { Partition, Position } from '../kafka/client/records.ts';
import type { OffsetRange } from '../kafka/consumer/offset-ranges.ts';
import { arrayLiteral } from '../postgres/arrays.ts';
import type { Queryable } from '../postgres/database.ts';
import { LastseenError } from '../runtime/errors.ts';
import { single } from '../runtime/must.ts';
import type { ReplayTotals } from './totals.ts';

/** A replay that has not ended. */
export interface ReplayState {
  /** The consumer groups that have read for it, the newest last. */
  readonly groupIds: readonly string[];
  /** Whether it fills the shadow. All replays share one shadow. */
  readonly intoShadow: boolean;
  /** The incremental snapshot that it reads. */
  readonly snapshotId: string | null;
  readonly totals: ReplayTotals;
  /** The offsets that are not read yet. A range without an end is read up to the progress of `track`. */
  readonly ranges: readonly OffsetRange[];
}

/** The saved state of an interrupted replay; undefined if there is none. */
export async function loadReplay(db: Queryable, replayId: string): Promise<ReplayState | undefined> {
  const { rows } = await db.query<Omit<ReplayState, 'ranges'>>({
    text: `
SELECT group_ids AS "groupIds", snapshot_id AS "snapshotId", into_shadow AS "intoShadow", done AS totals
FROM lastseen.replay WHERE replay_id = $1`,
    values: [replayId],
  });
  const [found] = rows;
  if (found === undefined) return undefined;
  const { rows: ranges } = await db.query<Partition & { firstOffset: bigint; endOffset: bigint | null }>({
    text: `
SELECT topic, partition, next_offset AS "firstOffset", end_offset AS "endOffset" FROM lastseen.replay_partition
WHERE replay_id = $1 ORDER BY topic, partition`,
    values: [replayId],
  });
  return { ...found, ranges: ranges.map((range) => ({ ...range, endOffset: range.endOffset ?? undefined })) };
}

/** Adds the consumer group of a resumed replay. */
export async function addReplayGroup(db: Queryable, replayId: string, groupId: string): Promise<void> {
  await db.query({
    text: 'UPDATE lastseen.replay SET group_ids = array_append(group_ids, $2) WHERE replay_id = $1',
    values: [replayId, groupId],
  });
}

/** Saves the state of a new replay, in place of an older one with this id. Empties the shadow if the replay fills it. */
export async function saveReplay(tx: Queryable, replayId: string, state: ReplayState): Promise<void> {
  await deleteReplay(tx, replayId);
  if (state.intoShadow) await emptyShadow(tx);
  await tx.query({
    text: 'INSERT INTO lastseen.replay (replay_id, group_ids, snapshot_id, into_shadow, done) VALUES ($1, $2, $3, $4, $5)',
    values: [replayId, [...state.groupIds], state.snapshotId, state.intoShadow, JSON.stringify(state.totals)],
  });
  await tx.query({
    text: `
INSERT INTO lastseen.replay_partition (replay_id, topic, partition, first_offset, next_offset, end_offset)
SELECT $1, topic, partition, first_offset, first_offset, end_offset
FROM unnest($2::text[], $3::int[], $4::int8[], $5::int8[]) AS u (topic, partition, first_offset, end_offset)`,
    values: [
      replayId,
      ...offsetArrays(state.ranges, ({ firstOffset }) => firstOffset),
      arrayLiteral(state.ranges.map(({ endOffset }) => endOffset ?? null)),
    ],
  });
}

/** Topics, partitions and offsets, for `unnest ($::text[], $::int[], $::int8[])`. */
function offsetArrays<T extends Partition>(rows: readonly T[], offsetOf: (row: T) => bigint): unknown[] {
  return [
    rows.map(({ topic }) => topic),
    arrayLiteral(rows.map(({ partition }) => partition)),
    arrayLiteral(rows.map(offsetOf)),
  ];
}

/**
 * Records the positions and totals of a replay, in the transaction that wrote the rows.
 *
 * @throws LastseenError `replay_lost` if its state is gone: the rows that it had written may be gone as well.
 */
export async function recordReplayProgress(
  tx: Queryable,
  replayId: string,
  positions: readonly Position[],
  totals: ReplayTotals,
): Promise<void> {
  const { count: partitions } = await tx.query({
    name: 'record_replay_positions',
    text: `
UPDATE lastseen.replay_partition p SET next_offset = GREATEST(p.next_offset, u.next_offset)
FROM unnest($2::text[], $3::int[], $4::int8[]) AS u (topic, partition, next_offset)
WHERE p.replay_id = $1 AND p.topic = u.topic AND p.partition = u.partition`,
    values: [replayId, ...offsetArrays(positions, ({ nextOffset }) => nextOffset)],
  });
  const { count } = await tx.query({
    name: 'record_replay_totals',
    text: 'UPDATE lastseen.replay SET done = $2 WHERE replay_id = $1',
    values: [replayId, JSON.stringify(totals)],
  });
  if (partitions < positions.length || count === 0) throw replayLost();
}

function replayLost(): LastseenError {
  return new LastseenError(
    'replay_lost',
    'the state of this replay is gone, because the database server crashed or its tables were emptied; ' +
      'run the command again to start from the beginning',
  );
}

/** Empties the shadow, and deletes the state of replays that had filled it, so that none of them is resumed. */
export async function emptyShadow(tx: Queryable): Promise<void> {
  await tx.query({
    text: `
DELETE FROM lastseen.replay_partition WHERE replay_id IN (SELECT replay_id FROM lastseen.replay WHERE into_shadow)`,
  });
  await tx.query({ text: 'DELETE FROM lastseen.replay WHERE into_shadow' });
  await tx.query({ text: 'TRUNCATE lastseen.replay_shadow' });
}

export async function deleteReplay(db: Queryable, replayId: string): Promise<void> {
  await db.query({ text: 'DELETE FROM lastseen.replay_partition WHERE replay_id = $1', values: [replayId] });
  await db.query({ text: 'DELETE FROM lastseen.replay WHERE replay_id = $1', values: [replayId] });
}

/**
 * The number of records that `track` has applied and the replay has not. At 0 the shadow may replace the table.
 *
 * @throws LastseenError `replay_lost`, also if `track` has applied a partition that the replay does not read.
 */
export async function recordsBehindTrack(db: Queryable, replayId: string): Promise<bigint> {
  const { rows } = await db.query<{ behind: bigint; unread: bigint; known: boolean }>({
    text: `
SELECT
  coalesce(sum(GREATEST(p.next_offset - r.next_offset, 0)), 0)::int8 AS behind,
  count(*) FILTER (WHERE r.topic IS NULL AND p.next_offset > 0) AS unread,
  EXISTS (SELECT FROM lastseen.replay WHERE replay_id = $1) AS known
FROM lastseen.track_progress p
LEFT JOIN lastseen.replay_partition r ON r.replay_id = $1 AND r.topic = p.topic AND r.partition = p.partition
WHERE p.topic IN (SELECT topic FROM lastseen.replay_partition WHERE replay_id = $1)`,
    values: [replayId],
  });
  const row = single(rows, 'an aggregate returns one row');
  if (!row.known) throw replayLost();
  if (row.unread > 0n) {
    throw new LastseenError(
      'replay_lost',
      'a topic got new partitions during the replay; --restart starts from the beginning',
    );
  }
  return row.behind;
}

/** Sets the ends of ranges that were saved without one. */
export async function setReplayEnds(db: Queryable, replayId: string, ends: readonly Position[]): Promise<void> {
  await db.query({
    text: `
UPDATE lastseen.replay_partition p SET end_offset = GREATEST(u.end_offset, p.first_offset)
FROM unnest($2::text[], $3::int[], $4::int8[]) AS u (topic, partition, end_offset)
WHERE p.replay_id = $1 AND p.topic = u.topic AND p.partition = u.partition`,
    values: [replayId, ...offsetArrays(ends, ({ nextOffset }) => nextOffset)],
  });
}
