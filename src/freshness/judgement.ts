import type { Source } from '../activity/source.ts';
import { quietAgainst, type SourceVolume } from '../history/usual-volume.ts';
import { describeGap, type PartitionGap } from '../last-seen/gap.ts';

/** What was seen of the way from the source tables to the last-seen table, at one moment. */
export interface Observation {
  readonly slot: SlotObservation;
  readonly publication: string;
  readonly sources: readonly SourceObservation[];
}

/** The connector's replication slot against the position the source had when the waiting began. */
export type SlotObservation =
  | { readonly name: string; readonly kind: 'missing' }
  | { readonly name: string; readonly kind: 'lost' }
  | { readonly name: string; readonly kind: 'behind'; readonly bytes: bigint }
  | { readonly name: string; readonly kind: 'past' };

export interface SourceObservation {
  readonly source: Source;
  readonly topic: string;
  /** Whether the source's table is in the publication, with its inserts and updates. */
  readonly published: boolean;
  readonly hasRows: boolean;
  /** Undefined while the slot is not past: what the topic's ends are before that proves nothing. */
  readonly partitions: readonly PartitionObservation[] | undefined;
  /** What of it was never read, as far as nobody has made up for it. */
  readonly gaps: readonly PartitionGap[];
  /** At what instant the ends were read. */
  readonly at: bigint;
  /** The same sums at earlier completed sweeps. */
  readonly history: readonly SourceVolume[];
}

interface PartitionObservation {
  readonly partition: number;
  /** The offset after the partition's last record. */
  readonly end: bigint;
  /** The offset below which every record is applied; undefined: nothing is recorded of this partition. */
  readonly applied: bigint | undefined;
  /** The same before the end was read: an end below that is another topic's. */
  readonly appliedBefore: bigint | undefined;
}

/** Records each source's topic has ever been given. */
export type SourceEnds = ReadonlyMap<Source, bigint>;

export type Freshness =
  | { readonly kind: 'fresh'; readonly ends: SourceEnds }
  /** Waiting may help. */
  | { readonly kind: 'behind'; readonly reasons: readonly string[] }
  /** Waiting does not. */
  | { readonly kind: 'broken'; readonly reasons: readonly string[] };

/**
 * Whether everything committed at the source before the position was noted has been applied. Unknown is not fresh.
 *
 * That the slot moves past the position proves more than delivery: Debezium confirms positions only while it streams,
 * and it streams only when its snapshot is in Kafka. What that leaves open, a table captured without a snapshot, shows
 * where a table has rows and its topic never had a record.
 */
export function freshness({ slot, publication, sources }: Observation): Freshness {
  const broken = [
    ...slotBroken(slot),
    ...sources.filter(({ published }) => !published).map((source) => unpublished(source, publication)),
    ...sources.flatMap(unread),
    ...sources.flatMap(sourceBroken),
  ];
  if (broken.length > 0) return { kind: 'broken', reasons: broken };
  const behind = [...slotBehind(slot), ...sources.flatMap(sourceBehind)];
  if (behind.length > 0) return { kind: 'behind', reasons: behind };
  return { kind: 'fresh', ends: new Map(sources.map((source) => [source.source, endOf(source)])) };
}

function slotBroken(slot: SlotObservation): string[] {
  switch (slot.kind) {
    case 'missing':
      return [missingSlot(slot.name)];
    case 'lost':
      return [`replication slot ${slot.name} has lost changes that Postgres no longer keeps`];
    case 'behind':
    case 'past':
      return [];
  }
}

export function missingSlot(name: string): string {
  return `there is no logical replication slot ${name} in this database: set REPLICATION_SLOT to the connector's slot.name`;
}

function slotBehind(slot: SlotObservation): string[] {
  if (slot.kind !== 'behind') return [];
  return [
    `the connector has not delivered: replication slot ${slot.name} has not passed the position to prove, ${slot.bytes} bytes behind`,
  ];
}

function unpublished({ source }: SourceObservation, publication: string): string {
  return `${source}: table ${source} is not in publication ${publication}, so its changes are not captured`;
}

function unread({ source, gaps }: SourceObservation): string[] {
  return gaps.map(
    (gap) => `${source}: ${describeGap(gap)}: \`lastseen audit --repair\` makes up for it from the table`,
  );
}

function sourceBroken(source: SourceObservation): string[] {
  const { partitions, topic } = source;
  if (partitions === undefined) return [];
  if (partitions.length === 0) return [`${source.source}: there is no topic ${topic}`];
  const recreated = partitions
    .filter(({ end, appliedBefore }) => appliedBefore !== undefined && end < appliedBefore)
    .map(
      ({ partition, end, appliedBefore }) =>
        `${source.source}: topic re-created: ${topic} partition ${partition} ends at ${end}, but ${appliedBefore} was applied`,
    );
  if (recreated.length > 0) return recreated;
  const end = endOf(source);
  if (end === 0n && source.hasRows) {
    return [`${source.source}: the table has rows, but ${topic} never had a record: its snapshot was not taken`];
  }
  const usual = quietAgainst(source.history, { at: source.at, records: end });
  if (usual === undefined) return [];
  return [
    `${source.source}: no record in ${topic} since the last completed sweep, where ${Math.round(usual)} a day are usual`,
  ];
}

function sourceBehind({ source, topic, partitions }: SourceObservation): string[] {
  // While the slot is behind, that says why.
  return (partitions ?? []).flatMap(({ partition, end, applied }) => {
    if ((applied ?? 0n) >= end) return [];
    const behind =
      applied === undefined ? `nothing of ${end} is known to be applied` : `${end - applied} records behind`;
    return [`${source}: ${topic} partition ${partition}: ${behind}`];
  });
}

function endOf({ partitions }: SourceObservation): bigint {
  return (partitions ?? []).reduce((sum, { end }) => sum + end, 0n);
}
