import type { Change } from '../activity/activity.ts';
import { type Instant, MICROS_PER_MS } from '../activity/instant.ts';
import {
  type HeaderValue,
  isRecordTime,
  type OutgoingRecord,
  type RawRecord,
  type RecordHeaders,
} from '../kafka/client/records.ts';

/** Where a record was read first. It stays the same when the record is retried, redriven or fails again. */
export interface Origin {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  /** Milliseconds since the epoch, as decimal text; -1 if unknown, and any number if the producer used another unit. */
  readonly timestamp: string;
}

type Headers = NonNullable<OutgoingRecord['headers']>;

/** Headers that belong to one attempt; they are not copied to the next. */
const ATTEMPT_HEADERS = [
  'lastseen.reason',
  'lastseen.step',
  'lastseen.detail',
  'lastseen.retry',
  'lastseen.not-before',
];

/** Undefined if the record's headers contain no valid origin. */
export function readOrigin({ headers }: RawRecord): Origin | undefined {
  const [topic, partition, offset, timestamp] = ['topic', 'partition', 'offset', 'timestamp'].map((name) =>
    headerText(headers, `lastseen.origin.${name}`),
  );
  if (topic === undefined || partition === undefined || offset === undefined || timestamp === undefined) {
    return undefined;
  }
  if (!/^\d{1,9}$/.test(partition) || !/^\d{1,18}$/.test(offset) || !isInt8(timestamp)) return undefined;
  return { topic, partition: Number(partition), offset, timestamp };
}

function isInt8(text: string): boolean {
  return /^-?\d{1,19}$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);
}

/** The origin in the record's headers, else the position it was read at. */
export function resolveOrigin(topic: string, partition: number, record: RawRecord): Origin {
  const { offset, timestamp } = record;
  return readOrigin(record) ?? { topic, partition, offset, timestamp };
}

/**
 * The timestamp of the record in its original topic, in milliseconds since the epoch: a redriven record is judged by it.
 * A header that is later than the record's own timestamp is ignored.
 */
function originalTimestampMs(record: RawRecord): number {
  const timestamp = Number(record.timestamp);
  if (record.headers?.['lastseen.origin.timestamp'] === undefined) return timestamp;
  return Math.min(timestamp, Number(readOrigin(record)?.timestamp ?? timestamp));
}

/**
 * The commit time that the source reports, else the timestamp of the record in its original topic; undefined if neither is
 * a time.
 */
export function commitInstant(
  change: Extract<Change, { kind: 'row' }>,
  record: RawRecord,
  now: Instant,
): Instant | undefined {
  return change.committedAt ?? recordInstant(originalTimestampMs(record), now);
}

function recordInstant(timestampMs: number, now: Instant): Instant | undefined {
  return isRecordTime(timestampMs, Number(now / MICROS_PER_MS)) ? BigInt(timestampMs) * MICROS_PER_MS : undefined;
}

/** The number of this attempt, from 1. */
export function attemptNumber({ headers }: RawRecord): number {
  return headerNumber(headers, 'lastseen.attempts') ?? 1;
}

/** The record's headers and its origin, without the headers of an earlier attempt. */
export function originHeaders(topic: string, partition: number, record: RawRecord): Headers {
  const origin = resolveOrigin(topic, partition, record);
  const carried = Object.entries(record.headers ?? {}).flatMap(([name, value]) =>
    value === undefined || ATTEMPT_HEADERS.includes(name) ? [] : [[name, writtenValues(value)] as const],
  );
  // Other than an assignment, this keeps a header with the name `__proto__`.
  const headers: Headers = Object.fromEntries(carried);
  for (const [name, value] of Object.entries(origin)) headers[`lastseen.origin.${name}`] = String(value);
  headers['lastseen.attempts'] = String(attemptNumber(record));
  return headers;
}

/**
 * The values that the producer wrote. If the header has the name of a member of every object, such as `constructor`, the
 * driver puts that member before them; no upstream issue found.
 */
function writtenValues(value: HeaderValue | HeaderValue[]): HeaderValue | HeaderValue[] {
  if (!Array.isArray(value)) return value;
  const written = value.filter((each) => each === null || typeof each === 'string' || Buffer.isBuffer(each));
  const [only] = written;
  return written.length === 1 && only !== undefined ? only : written;
}

/** The last value of the header; undefined if it is absent or null. */
export function headerText(headers: RecordHeaders | undefined, name: string): string | undefined {
  const value = headers?.[name];
  const last = Array.isArray(value) ? value.at(-1) : value;
  return last === undefined || last === null ? undefined : String(last);
}

/** A count or milliseconds; undefined if the header is absent or not a number. */
export function headerNumber(headers: RecordHeaders | undefined, name: string): number | undefined {
  const text = headerText(headers, name);
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
