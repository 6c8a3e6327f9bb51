/** A record as read. The types of this file are free of any client library. */
export interface RawRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Milliseconds since the epoch, as decimal text. */
  readonly timestamp: string;
  readonly offset: string;
  readonly headers?: RecordHeaders | undefined;
}

const YEAR_2000_MS = Date.UTC(2000, 0);
const DAY_MS = 86_400_000;

/** Whether a record's timestamp can be a time: -1 is unknown, and some producers write another unit than milliseconds. */
export function isRecordTime(timestampMs: number, nowMs: number): boolean {
  return timestampMs >= YEAR_2000_MS && timestampMs <= nowMs + DAY_MS;
}

export type HeaderValue = Buffer | string | null;
export type RecordHeaders = Readonly<Record<string, HeaderValue | HeaderValue[] | undefined>>;

/** Consecutive records of one partition; none if it held only control records. */
export interface RawBatch extends Partition {
  readonly records: readonly RawRecord[];
  /** The requested offset. The batch has all records of the partition from here to before `nextOffset`. */
  readonly fromOffset: bigint;
  /** The offset after the last record, control records included. */
  readonly nextOffset: bigint;
  /** More records were in the partition than in this fetch. */
  readonly isBehind?: boolean;
}

/** A record to send. */
export interface OutgoingRecord {
  readonly key: Buffer | string | null;
  readonly value: Buffer | null;
  /** Absent: chosen by the key. */
  readonly partition?: number;
  readonly headers?: Record<string, HeaderValue | HeaderValue[]>;
}

export interface Partition {
  readonly topic: string;
  readonly partition: number;
}

/** A partition as a key of maps. */
export function partitionKey({ topic, partition }: Partition): string {
  return `${topic}/${partition}`;
}

/** The partition of a {@link partitionKey}. Names of topics have no slash. */
export function partitionOfKey(key: string): Partition {
  const [topic = '', partition = ''] = key.split('/');
  return { topic, partition: Number(partition) };
}

/** All records of the partition below `nextOffset` are read, applied or committed; the context says which. */
export interface Position extends Partition {
  readonly nextOffset: bigint;
}

/** Consecutive offsets of a partition. */
export interface OffsetRange extends Position {
  readonly fromOffset: bigint;
}

/** For people: topic, partition, and the first and the last offset. */
export function describeRange({ topic, partition, fromOffset, nextOffset }: OffsetRange): string {
  const last = nextOffset - 1n;
  const offsets = last > fromOffset ? `offsets ${fromOffset} to ${last}` : `offset ${fromOffset}`;
  return `${topic} partition ${partition} ${offsets}`;
}
