/** What the rest of the program sees of Kafka: records, positions and headers, free of any client library. */
export interface RawRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Milliseconds since the epoch, as decimal text. */
  readonly timestamp: string;
  readonly offset: string;
  readonly headers?: RecordHeaders | undefined;
}

export type RecordHeaders = Readonly<Record<string, Buffer | string | (Buffer | string)[] | undefined>>;

/** Consecutive records of one partition; none where all there was were control records. */
export interface RawBatch extends Partition {
  readonly records: readonly RawRecord[];
  /** The offset that was asked for: whatever the partition held from here up to `nextOffset` is in this batch. */
  readonly fromOffset: bigint;
  /** The offset after the last one of this batch, control records included. */
  readonly nextOffset: bigint;
  /** The partition held more when this was fetched than one fetch takes. */
  readonly isBehind?: boolean;
}

/** A record on its way out. */
export interface OutgoingRecord {
  readonly key: Buffer | string | null;
  readonly value: Buffer | null;
  /** Absent: the partition of its key. */
  readonly partition?: number;
  readonly headers?: Record<string, Buffer | string | (Buffer | string)[]>;
}

export interface Partition {
  readonly topic: string;
  readonly partition: number;
}

/** A partition's name, for maps. */
export function partitionKey({ topic, partition }: Partition): string {
  return `${topic}/${partition}`;
}

/** Everything of the partition below `nextOffset` has been collected. */
export interface Position extends Partition {
  readonly nextOffset: bigint;
}
