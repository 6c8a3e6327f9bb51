import { formatInstant, type Instant } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
import type { AuditDrift } from '../history/audit-runs-store.ts';
import { type SourceVolume, usualPerDayIfQuiet } from '../history/usual-volume.ts';
import { describeHidden } from '../kafka/admin/hidden-records.ts';
import { describeGap, type PartitionGap } from '../last-seen/gap.ts';
import { must } from '../runtime/must.ts';
import { type SourceCapture, uncaptured } from './capture.ts';
import { type CaptureBreak, describeBreak } from './capture-evidence.ts';
import { type ConnectEvidence, offsetBehind, offsetBroken } from './connect-offset.ts';

/** The state of each step between the source tables and the last-seen table, at one moment. */
export interface FreshnessEvidence {
  /** Undefined if FRESHNESS_PROOF does not name it. */
  readonly slot: SlotEvidence | undefined;
  /** Kafka Connect's committed offset; undefined if FRESHNESS_PROOF does not name it. */
  readonly connect?: ConnectEvidence | undefined;
  readonly publication: string;
  /** What of the connector does not run, with the cause; empty if unknown. */
  readonly notRunning?: readonly string[];
  /** Why the connector's settings could not be read, if they are to be checked. */
  readonly connectorUnknown?: string | undefined;
  /** Breaks of capture that no audit has closed; undefined for an audit. */
  readonly breaks?: readonly CaptureBreak[] | undefined;
  /** What the newest audit left missing or behind. */
  readonly drift: AuditDrift | undefined;
  /** `DLQ_UNREADABLE_MAX`. */
  readonly maxUnreadableLetters: number;
  readonly sources: readonly SourceEvidence[];
}

/** The connector's replication slot, compared with the position to prove. */
export type SlotEvidence =
  | { readonly name: string; readonly kind: 'missing' | 'lost' | 'past' }
  | {
      readonly name: string;
      readonly kind: 'behind';
      readonly bytes: bigint;
      /** For how long the connector has been connected without confirming a further position. */
      readonly stillMs: number;
    };

/** An idle source writes no log that the connector could confirm, unless its heartbeat writes some. */
const IDLE_AFTER_MS = 30_000;

export interface SourceEvidence {
  readonly source: Source;
  readonly topic: string;
  readonly capture: SourceCapture;
  /** Why the connector's settings leave out changes; empty if unknown. */
  readonly connectorFilters?: readonly string[];
  readonly hasRows: boolean;
  /** Undefined until the connector has delivered up to the position: earlier ends of the topic prove nothing. */
  readonly partitions: readonly PartitionEvidence[] | undefined;
  /** Open gaps: ranges of offsets that were never read. */
  readonly gaps: readonly PartitionGap[];
  /** Open dead letters of which the learner is not readable: any learner may have returned. */
  readonly unreadableLetters: bigint;
  /** When the ends were read. */
  readonly at: Instant;
  /** The sums of the ends at earlier completed sweeps. */
  readonly history: readonly SourceVolume[];
}

interface PartitionEvidence {
  readonly partition: number;
  /** The high watermark: the offset after the partition's last record. */
  readonly end: bigint;
  /** The last stable offset; below the end, an open transaction hides the records from there on. */
  readonly stable: bigint;
  /** The offset below which every record is applied; undefined if no progress is recorded. */
  readonly applied: bigint | undefined;
  /** The same, right before the end was read. An end below it belongs to a recreated topic. */
  readonly appliedBefore: bigint | undefined;
}

/** The sum of the end offsets of each source's topic. */
export type SourceEnds = ReadonlyMap<Source, bigint>;

export type Freshness =
  | { readonly kind: 'fresh'; readonly ends: SourceEnds }
  /** Waiting may help. */
  | { readonly kind: 'behind'; readonly reasons: readonly string[] }
  /** Waiting does not help. */
  | { readonly kind: 'broken'; readonly reasons: readonly string[] };

/**
 * Whether all changes committed at the source before the position are applied. Unknown is not fresh.
 *
 * A slot past the position proves more than delivery: Debezium confirms positions only while it streams, and it streams
 * only after its snapshot is in Kafka. So does a committed offset, which says whether its snapshot is complete. Neither
 * proves that each table is in the snapshot: a table that has rows, but whose topic never had a record, was not in it.
 */
export function judgeFreshness({
  slot,
  connect,
  publication,
  notRunning = [],
  connectorUnknown,
  sources,
  breaks = [],
  drift,
  maxUnreadableLetters,
}: FreshnessEvidence): Freshness {
  const broken = [
    ...deliveryBroken({ slot, connect }),
    ...sources.flatMap(({ source, capture }) => uncaptured(source, publication, capture)),
    ...sources.flatMap(({ source, connectorFilters = [] }) => connectorFilters.map((each) => `${source}: ${each}`)),
    ...breaks.map(describeBreak),
    ...sources.flatMap(unread),
    ...sources.flatMap((source) => unreadable(source, maxUnreadableLetters)),
    ...drifted(drift),
    ...sources.flatMap(sourceBroken),
  ];
  if (broken.length > 0) return { kind: 'broken', reasons: [...new Set(broken)] };
  const behind = [
    ...(connectorUnknown === undefined ? [] : [connectorUnknown]),
    ...deliveryBehind({ slot, connect }).map((reason) => [reason, ...notRunning].join('; ')),
    ...sources.flatMap(sourceBehind),
  ];
  if (behind.length > 0) return { kind: 'behind', reasons: behind };
  return {
    kind: 'fresh',
    ends: new Map(
      sources.map(({ source, partitions }) => [source, sumOfEnds(must(partitions, 'the connector has delivered'))]),
    ),
  };
}

/** Why the connector cannot be shown to have delivered, if waiting does not help. Unknown is not fresh. */
export function deliveryBroken({ slot, connect }: Pick<FreshnessEvidence, 'slot' | 'connect'>): string[] {
  if (slot === undefined && connect === undefined) return ['nothing shows whether the connector has delivered'];
  return [...(slot === undefined ? [] : slotBroken(slot)), ...(connect === undefined ? [] : offsetBroken(connect))];
}

function deliveryBehind({ slot, connect }: Pick<FreshnessEvidence, 'slot' | 'connect'>): string[] {
  return [...(slot === undefined ? [] : slotBehind(slot)), ...(connect === undefined ? [] : offsetBehind(connect))];
}

function slotBroken({ name, kind }: SlotEvidence): string[] {
  switch (kind) {
    case 'missing':
      return [missingSlot(name)];
    case 'lost':
      return [`replication slot ${name} is lost: Postgres removed WAL that the connector had not read`];
    case 'behind':
    case 'past':
      return [];
  }
}

export function missingSlot(name: string): string {
  return `there is no logical replication slot ${name} in this database: set REPLICATION_SLOT to the connector's slot.name`;
}

function slotBehind(slot: SlotEvidence): string[] {
  if (slot.kind !== 'behind') return [];
  const idle =
    slot.stillMs < IDLE_AFTER_MS
      ? ''
      : '; idle source: set heartbeat.action.query, and publish the updates of its table';
  return [
    `the connector has not delivered: replication slot ${slot.name} has not passed the position to prove, ${slot.bytes} bytes behind${idle}`,
  ];
}

function unread({ source, gaps }: SourceEvidence): string[] {
  return gaps.map((gap) => `${source}: ${describeGap(gap)}: run \`lastseen audit --repair\``);
}

function unreadable({ source, topic, unreadableLetters }: SourceEvidence, most: number): string[] {
  if (unreadableLetters <= BigInt(most)) return [];
  return [
    `${source}: dead letters name no readable learner (${unreadableLetters}; DLQ_UNREADABLE_MAX is ${most}), so records of ` +
      `${topic} may be returns of any learner: run \`lastseen audit --repair\``,
  ];
}

function drifted(drift: AuditDrift | undefined): string[] {
  if (drift === undefined) return [];
  const { runId, snapshotAt, learners } = drift;
  return [
    `the newest audit (${runId}, ${formatInstant(snapshotAt)}) left ${learners} ` +
      `${learners === 1n ? 'learner' : 'learners'} missing or behind: run \`lastseen audit --repair\``,
  ];
}

function sourceBroken({ source, topic, partitions, hasRows, history, at }: SourceEvidence): string[] {
  if (partitions === undefined) return [];
  if (partitions.length === 0) return [`${source}: there is no topic ${topic}`];
  const recreated = partitions.flatMap(({ partition, end, appliedBefore }) =>
    appliedBefore === undefined || end >= appliedBefore
      ? []
      : [
          `${source}: topic recreated: ${topic} partition ${partition} ends at ${end}, but ${appliedBefore} was applied`,
        ],
  );
  if (recreated.length > 0) return recreated;
  const records = sumOfEnds(partitions);
  if (records === 0n && hasRows) {
    return [`${source}: the table has rows, but ${topic} never had a record: its snapshot was not taken`];
  }
  const usual = usualPerDayIfQuiet(history, { at, records });
  if (usual === undefined) return [];
  return [`${source}: no record in ${topic} since the last completed sweep; ${Math.round(usual)} per day are usual`];
}

/** Nothing if the partitions are unknown: the connector is then behind, which is a reason of its own. */
function sourceBehind({ source, topic, partitions }: SourceEvidence): string[] {
  return (partitions ?? []).flatMap(({ partition, end, stable, applied }) => {
    // Without progress, only an empty partition is applied.
    if ((applied ?? 0n) >= end) return [];
    if (stable < end)
      return [`${source}: ${describeHidden({ topic, partition, nextOffset: end, stableOffset: stable })}`];
    const behind = applied === undefined ? `no progress is recorded below ${end}` : `${end - applied} records behind`;
    return [`${source}: ${topic} partition ${partition}: ${behind}`];
  });
}

function sumOfEnds(partitions: readonly PartitionEvidence[]): bigint {
  return partitions.reduce((sum, { end }) => sum + end, 0n);
}
