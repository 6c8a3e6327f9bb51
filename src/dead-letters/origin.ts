import type { Change } from '../activity/change.ts';
import { type Instant, MICROS_PER_MS } from '../activity/instant.ts';
import type { RawRecord, RecordHeaders } from '../kafka/client/records.ts';

/** Where a record was read for the first time, however often it was sent back or set aside since. */
export interface Origin {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  /** Milliseconds since the epoch, as decimal text. */
  readonly timestamp: string;
}

type Headers = Record<string, Buffer | string | (Buffer | string)[]>;

/** Headers that belong to one try or one dead letter. */
const PASSING = ['lastseen.reason', 'lastseen.step', 'lastseen.detail', 'lastseen.retry', 'lastseen.not-before'];

/** The origin that the record's headers tell; undefined where they tell none. */
export function toldOrigin({ headers }: RawRecord): Origin | undefined {
  const [topic, partition, offset, timestamp] = ['topic', 'partition', 'offset', 'timestamp'].map((name) =>
    headerText(headers, `lastseen.origin.${name}`),
  );
  if (topic === undefined || partition === undefined || offset === undefined || timestamp === undefined) {
    return undefined;
  }
  if (![partition, offset, timestamp].every((text) => /^\d{1,18}$/.test(text))) return undefined;
  return { topic, partition: Number(partition), offset, timestamp };
}

/** The origin of a record that was read here. */
function originOf(topic: string, partition: number, record: RawRecord): Origin {
  const { offset, timestamp } = record;
  return toldOrigin(record) ?? { topic, partition, offset, timestamp };
}

/**
 * When the record came into its first topic, in milliseconds since the epoch: a record that was sent back is judged by
 * that. Never after it came into this one, whatever a header says.
 */
function firstTimestampMs(record: RawRecord): number {
  const timestamp = Number(record.timestamp);
  if (record.headers?.['lastseen.origin.timestamp'] === undefined) return timestamp;
  return Math.min(timestamp, Number(toldOrigin(record)?.timestamp ?? timestamp));
}

/** When the change was committed: as the source says, else when its record came into its first topic. */
export function committedAtOf(change: Extract<Change, { kind: 'row' }>, record: RawRecord): Instant {
  return change.committedAt ?? BigInt(firstTimestampMs(record)) * MICROS_PER_MS;
}

/** Which try of the record this is, from 1. */
export function attemptOf({ headers }: RawRecord): number {
  return headerNumber(headers, 'lastseen.attempts') ?? 1;
}

/** The record's headers as they came, with its origin, without what an earlier try or dead letter said. */
export function originHeaders(topic: string, partition: number, record: RawRecord): Headers {
  const origin = originOf(topic, partition, record);
  const headers: Headers = {};
  for (const [name, value] of Object.entries(record.headers ?? {})) {
    if (value !== undefined && !PASSING.includes(name)) headers[name] = value;
  }
  for (const [name, value] of Object.entries(origin)) headers[`lastseen.origin.${name}`] = String(value);
  headers['lastseen.attempts'] = String(attemptOf(record));
  return headers;
}

/** The last of the values, as text. */
export function headerText(headers: RecordHeaders | undefined, name: string): string | undefined {
  const value = headers?.[name];
  const last = Array.isArray(value) ? value.at(-1) : value;
  return last === undefined ? undefined : String(last);
}

/** A count or milliseconds; undefined where the header is none. */
export function headerNumber(headers: RecordHeaders | undefined, name: string): number | undefined {
  const text = headerText(headers, name);
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
