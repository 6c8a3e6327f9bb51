import { formatInstant, type Instant } from '../activity/instant.ts';
import { arrayLiteral } from '../postgres/arrays.ts';
import type { Queryable } from '../postgres/database.ts';

/** Identifies a record, also after its topic was recreated. */
export interface LetterOrigin {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  /** The record's Kafka timestamp, as decimal text. */
  readonly timestamp: string;
}

/** A record that could not be applied, as it is recorded with the progress past it. */
export interface RecordedLetter {
  readonly origin: LetterOrigin;
  readonly reason: string;
  readonly step: string;
  readonly detail: string;
  /** Read from the value; null if not readable. */
  readonly studentId: string | null;
  /** When the change was committed; null if unknown. */
  readonly committedAt: Instant | null;
  /** The latest instant that the record can contain; null if unknown. */
  readonly latestActivityAt: Instant | null;
  /** Of a learner whose row Postgres refused: the row and the offsets of its flush, as JSON in ASCII. */
  readonly refused?: { readonly row: string; readonly offsetRanges: string };
}

const MAX_DETAIL_LENGTH = 2_000;

/** Records letters, in the transaction that records the progress past them. A record that has a letter keeps it as it is. */
export async function recordLetters(tx: Queryable, letters: readonly RecordedLetter[]): Promise<void> {
  if (letters.length === 0) return;
  await tx.query({
    text: `
INSERT INTO lastseen.dead_letter (topic, partition, record_offset, record_timestamp, reason, step, detail, student_id,
  committed_at, latest_activity_at, refused_row, offset_ranges)
SELECT topic, partition, record_offset, record_timestamp, reason, step, detail, student_id,
  'epoch'::timestamptz + committed_us * interval '1 microsecond', 'epoch'::timestamptz + latest_us * interval '1 microsecond',
  refused_row::json, offset_ranges::json
FROM unnest($1::text[], $2::int[], $3::int8[], $4::int8[], $5::text[], $6::text[], $7::text[], $8::uuid[], $9::int8[],
  $10::int8[], $11::text[], $12::text[])
  AS u (topic, partition, record_offset, record_timestamp, reason, step, detail, student_id, committed_us, latest_us,
    refused_row, offset_ranges)
ON CONFLICT (topic, partition, record_offset, record_timestamp) WHERE refused_row IS NULL DO NOTHING`,
    values: [
      ...originColumns(letters.map(({ origin }) => origin)),
      letters.map(({ reason }) => reason),
      letters.map(({ step }) => step),
      letters.map(({ detail }) => detail.slice(0, MAX_DETAIL_LENGTH).replaceAll('\0', '').toWellFormed()),
      letters.map(({ studentId }) => studentId),
      arrayLiteral(letters.map(({ committedAt }) => committedAt)),
      arrayLiteral(letters.map(({ latestActivityAt }) => latestActivityAt)),
      letters.map(({ refused }) => refused?.row ?? null),
      letters.map(({ refused }) => refused?.offsetRanges ?? null),
    ],
  });
}

/** One array per column. */
function originColumns(origins: readonly LetterOrigin[]): readonly unknown[] {
  return [
    origins.map(({ topic }) => topic),
    arrayLiteral(origins.map(({ partition }) => partition)),
    arrayLiteral(origins.map(({ offset }) => BigInt(offset))),
    arrayLiteral(origins.map(({ timestamp }) => BigInt(timestamp))),
  ];
}

/** Closes the letters of records that are now applied or skipped, in the transaction that applies them. */
export async function closeAppliedLetters(
  tx: Queryable,
  origins: readonly LetterOrigin[],
  closedBy: string,
): Promise<void> {
  if (origins.length === 0) return;
  await tx.query({
    text: `
UPDATE lastseen.dead_letter d SET closed_at = now(), closed_by = $5
FROM unnest($1::text[], $2::int[], $3::int8[], $4::int8[]) AS u (topic, partition, record_offset, record_timestamp)
WHERE (d.topic, d.partition, d.record_offset, d.record_timestamp)
    = (u.topic, u.partition, u.record_offset, u.record_timestamp)
  AND d.refused_row IS NULL AND d.closed_at IS NULL`,
    values: [...originColumns(origins), closedBy],
  });
}

/**
 * Closes the open letters of these topics that were recorded before an instant. The caller has compared last seen with the
 * source tables as of that instant or later. @returns how many were closed.
 */
export async function closeComparedLetters(
  tx: Queryable,
  topics: readonly string[],
  recordedBefore: Instant,
  closedBy: string,
): Promise<number> {
  const { count } = await tx.query({
    text: `
UPDATE lastseen.dead_letter SET closed_at = now(), closed_by = $3
WHERE closed_at IS NULL AND topic = ANY ($1::text[]) AND recorded_at < $2::timestamptz`,
    values: [[...topics], formatInstant(recordedBefore), closedBy],
  });
  return count;
}

/** The timestamps of the records of a partition that have open letters, by offset. */
export async function openLetterTimestamps(
  db: Queryable,
  topic: string,
  partition: number,
  fromOffset: bigint,
): Promise<ReadonlyMap<string, string>> {
  const { rows } = await db.query<{ offset: bigint; timestamp: bigint }>({
    text: `
SELECT record_offset AS "offset", record_timestamp AS "timestamp" FROM lastseen.dead_letter
WHERE topic = $1 AND partition = $2 AND record_offset >= $3 AND refused_row IS NULL AND closed_at IS NULL`,
    values: [topic, partition, fromOffset],
  });
  return new Map(rows.map(({ offset, timestamp }) => [`${offset}`, `${timestamp}`]));
}

/** Open letters of a topic. */
export interface OpenLetterCounts {
  readonly topic: string;
  readonly letters: bigint;
  /** Those of which the learner is not readable. */
  readonly unreadable: bigint;
}

export async function countOpenLetters(db: Queryable, topics: readonly string[]): Promise<OpenLetterCounts[]> {
  const { rows } = await db.query<OpenLetterCounts>({
    text: `
SELECT topic, count(*) AS letters, count(*) FILTER (WHERE student_id IS NULL) AS unreadable
FROM lastseen.dead_letter
WHERE closed_at IS NULL AND topic = ANY ($1::text[])
GROUP BY topic`,
    values: [[...topics]],
  });
  return rows;
}

/** Records that an audit found these learners missing or behind, if they have open letters that explain it. */
export async function markDriftingLetters(db: Queryable, runId: string, studentIds: readonly string[]): Promise<void> {
  if (studentIds.length === 0) return;
  await db.query({
    text: `
UPDATE lastseen.dead_letter SET drift_run_id = $1 WHERE closed_at IS NULL AND student_id = ANY ($2::uuid[])`,
    values: [runId, [...studentIds]],
  });
}

/** An open letter, as it is printed. */
export interface OpenLetter {
  readonly letter_id: bigint;
  readonly topic: string;
  readonly partition: number;
  readonly record_offset: bigint;
  readonly reason: string;
  readonly detail: string;
  readonly student_id: string | null;
  readonly committed_at: Instant | null;
  readonly recorded_at: Instant;
}

/** An absent property matches every letter. */
export interface OpenLetterFilter {
  readonly ids?: readonly bigint[] | undefined;
  readonly reason?: string | undefined;
  readonly since?: Instant | undefined;
  readonly sourceTopic?: string | undefined;
}

const MATCHES = `closed_at IS NULL
  AND ($1::int8[] IS NULL OR letter_id = ANY ($1)) AND ($2::text IS NULL OR reason = $2)
  AND ($3::timestamptz IS NULL OR recorded_at >= $3) AND ($4::text IS NULL OR topic = $4)`;

function filterValues({ ids, reason, since, sourceTopic }: OpenLetterFilter): unknown[] {
  return [
    ids === undefined ? null : arrayLiteral(ids),
    reason ?? null,
    since === undefined ? null : formatInstant(since),
    sourceTopic ?? null,
  ];
}

/** The newest open letters, newest first. */
export async function listOpenLetters(
  db: Queryable,
  filter: OpenLetterFilter,
  limit: number,
): Promise<readonly OpenLetter[]> {
  const { rows } = await db.query<OpenLetter>({
    text: `
SELECT letter_id, topic, partition, record_offset, reason, detail, student_id, committed_at, recorded_at
FROM lastseen.dead_letter
WHERE ${MATCHES}
ORDER BY letter_id DESC
LIMIT $5`,
    values: [...filterValues(filter), limit],
  });
  return rows;
}

/** Closes open letters without a comparison: a person takes the responsibility. @returns how many were closed. */
export async function discardLetters(db: Queryable, filter: OpenLetterFilter, closedBy: string): Promise<number> {
  const { count } = await db.query({
    text: `UPDATE lastseen.dead_letter SET closed_at = now(), closed_by = $5 WHERE ${MATCHES}`,
    values: [...filterValues(filter), closedBy],
  });
  return count;
}

/** Which of the last records became dead letters, as recorded by `track`; undefined if none did, or no letter is open. */
export async function loadLetterWindow(db: Queryable, reader: string): Promise<Uint8Array | undefined> {
  const { rows } = await db.query<{ outcomes: Buffer }>({
    text: `
SELECT outcomes FROM lastseen.dead_letter_window
WHERE reader = $1 AND EXISTS (SELECT FROM lastseen.dead_letter WHERE closed_at IS NULL)`,
    values: [reader],
  });
  return rows[0]?.outcomes;
}

export async function saveLetterWindow(tx: Queryable, reader: string, outcomes: Uint8Array): Promise<void> {
  await tx.query({
    text: `
INSERT INTO lastseen.dead_letter_window AS w (reader, outcomes) VALUES ($1, $2)
ON CONFLICT (reader) DO UPDATE SET outcomes = excluded.outcomes, updated_at = now()`,
    values: [reader, Buffer.from(outcomes)],
  });
}
