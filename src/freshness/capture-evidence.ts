import { formatInstant, type Instant } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
import { formatLsn } from '../postgres/lsn.ts';
import { type OffsetEvidence, offsetChanges } from './connect-offset.ts';

/** What changes are captured from, at one moment. Positions are bytes of the write-ahead log. */
export interface CaptureEvidence {
  readonly systemIdentifier: string;
  readonly timeline: number;
  readonly flushLsn: bigint;
  /** Since when the server counts: a crash loses all statistics. Null in evidence of an earlier release. */
  readonly statisticsSince: Instant | null;
  /** Null if it does not exist. */
  readonly slot: CaptureSlot | null;
  /** Null if it does not exist. */
  readonly publication: { readonly name: string; readonly oid: string; readonly xmin: string } | null;
  /** The tables of the sources, and their partitions. */
  readonly members: readonly CaptureMember[];
  /** Null if FRESHNESS_PROOF does not name it, and until Kafka Connect has answered. */
  readonly offset: OffsetEvidence | null;
}

export interface CaptureSlot {
  readonly name: string;
  /** Null after Postgres has removed its WAL. */
  readonly restartLsn: bigint | null;
  readonly confirmedFlushLsn: bigint | null;
  /** Transactions sent to the connector. A crash of Postgres sets it to 0, as does a new slot. */
  readonly totalTxns: bigint;
  /** False before Postgres 17. */
  readonly failover: boolean;
  readonly synced: boolean;
}

interface CaptureMember {
  readonly source: Source;
  /** `schema.table` */
  readonly table: string;
  /** Null if the source has no such table. */
  readonly classOid: string | null;
  /** Catalog rows by which the publication has the table: of the table, of its schema, or of all tables. */
  readonly memberships: readonly string[];
}

/** Changes may be missing from the topics since capture was last known to be intact. */
export interface CaptureBreak {
  readonly changes: readonly string[];
  readonly lastIntactAt: Instant;
  readonly foundAt: Instant;
}

/** Whether there is something to capture from. Before that, the connector's snapshot is still to come. */
export function canCapture({ slot, publication, offset }: CaptureEvidence): boolean {
  return publication !== null && (slot !== null || offset?.lsn != null);
}

/** What changed between two looks, so that changes may not have been captured; empty if capture was continuous. */
export function breakOf(stored: CaptureEvidence, seen: CaptureEvidence): readonly string[] {
  if (seen.systemIdentifier !== stored.systemIdentifier) {
    return [`the source is another server: system identifier ${seen.systemIdentifier}, not ${stored.systemIdentifier}`];
  }
  return [
    ...walChanges(stored, seen),
    ...slotChanges(stored, seen),
    ...publicationChanges(stored, seen),
    ...stored.members.flatMap((member) => memberChanges(member, stored, seen)),
    ...offsetChanges(stored.offset, seen),
  ];
}

function walChanges(stored: CaptureEvidence, seen: CaptureEvidence): string[] {
  if (seen.timeline !== stored.timeline || seen.flushLsn >= stored.flushLsn) return [];
  return [`the log of the source went back from ${formatLsn(stored.flushLsn)} to ${formatLsn(seen.flushLsn)}`];
}

function slotChanges(stored: CaptureEvidence, seen: CaptureEvidence): string[] {
  // Evidence begins with a slot, so it was dropped; or with a committed offset, and the slot was on another server.
  if (stored.slot === null)
    return seen.slot === null ? [] : [`replication slot ${seen.slot.name} was missing until now`];
  const { name } = stored.slot;
  if (seen.slot !== null && seen.slot.name !== name) return [`the replication slot is ${seen.slot.name}, not ${name}`];
  if (seen.timeline !== stored.timeline) {
    // Positions and counts of two timelines cannot be compared.
    if (seen.slot?.failover && seen.slot.synced) return [];
    return [
      `the source continues on timeline ${seen.timeline}, not ${stored.timeline}, and replication slot ${name} was not ` +
        'synchronized to it (failover slots, Postgres 17)',
    ];
  }
  if (seen.slot === null) return [`there is no replication slot ${name} any more`];
  return isSameSlot(stored.slot, seen.slot) || hasLostStatistics(stored, seen)
    ? []
    : [`replication slot ${name} was created again`];
}

/**
 * A new slot starts at the end of the log, so at or after every position that was confirmed before. `confirmed_flush_lsn`
 * itself may go back: it is persisted at checkpoints only.
 */
function isSameSlot(stored: CaptureSlot, seen: CaptureSlot): boolean {
  const startsBefore =
    seen.restartLsn !== null && stored.confirmedFlushLsn !== null && seen.restartLsn < stored.confirmedFlushLsn;
  return startsBefore || seen.totalTxns >= stored.totalTxns;
}

/** After a crash the counts begin at 0, and `restart_lsn` may be past all that was seen before, so nothing is left to compare. */
function hasLostStatistics({ statisticsSince: before }: CaptureEvidence, { statisticsSince: now }: CaptureEvidence) {
  return before !== null && now !== null && now > before;
}

function publicationChanges({ publication: stored }: CaptureEvidence, { publication: seen }: CaptureEvidence) {
  if (stored === null) return seen === null ? [] : [`publication ${seen.name} was missing until now`];
  if (seen === null) return [`there is no publication ${stored.name} any more`];
  if (seen.oid !== stored.oid) {
    const isSameName = seen.name === stored.name;
    return [
      isSameName ? `publication ${seen.name} was created again` : `the publication is ${seen.name}, not ${stored.name}`,
    ];
  }
  return seen.xmin === stored.xmin ? [] : [`publication ${seen.name} was altered`];
}

function memberChanges(stored: CaptureMember, { publication }: CaptureEvidence, seen: CaptureEvidence): string[] {
  const { source, table, classOid, memberships } = stored;
  const current = seen.members.find((each) => each.source === source && each.table === table);
  // No break: the source was disabled, or a partition was removed after its changes were captured.
  if (current === undefined) return [];
  if (classOid === null) return [];
  if (current.classOid === null) return [`there is no table ${table} any more`];
  if (current.classOid !== classOid) return [`table ${table} was created again`];
  // Another publication has other memberships.
  if (publication?.oid !== seen.publication?.oid) return [];
  const isOutside = memberships.length === 0 && current.memberships.length === 0;
  if (isOutside || memberships.some((each) => current.memberships.includes(each))) return [];
  return [`table ${table} was not always in publication ${publication?.name}`];
}

/** What to store: what was seen, and what cannot be seen at present: tables of disabled sources, an offset that was not read. */
export function nextEvidence(stored: CaptureEvidence | undefined, seen: CaptureEvidence): CaptureEvidence {
  const enabled = new Set(seen.members.map(({ source }) => source));
  const others = stored?.members.filter(({ source }) => !enabled.has(source)) ?? [];
  return { ...seen, members: [...seen.members, ...others], offset: seen.offset ?? stored?.offset ?? null };
}

/** Whether only positions differ, so that no new row is needed. */
export function hasSameIdentity(a: CaptureEvidence, b: CaptureEvidence): boolean {
  return identityOf(a) === identityOf(b);
}

function identityOf({ systemIdentifier, timeline, slot, publication, members }: CaptureEvidence): string {
  return JSON.stringify([systemIdentifier, timeline, slot?.name, publication, members]);
}

export function describeBreak({ changes, lastIntactAt, foundAt }: CaptureBreak): string {
  return (
    `changes may not have been captured between ${formatInstant(lastIntactAt)}, when capture was last intact, and ` +
    `${formatInstant(foundAt)}: ${changes.join('; ')}: run \`lastseen audit --repair\``
  );
}
