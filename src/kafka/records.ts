/** What the rest of the program sees of Kafka: records, positions and headers, free of any client library. */
export interface RawRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Milliseconds since the epoch, as decimal text. */
  readonly timestamp: string;
  readonly offset: string;
  readonly headers?: RecordHeaders | undefined;
}

type RecordHeaders = Readonly<Record<string, Buffer | string | (Buffer | string)[] | undefined>>;

/** Consecutive records of one partition. */
export interface RawBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly RawRecord[];
  /** The offset after the last one of this batch, control records included. */
  readonly nextOffset: bigint;
}

/** A record on its way out. */
export interface OutgoingRecord {
  readonly key: Buffer | string | null;
  readonly value: Buffer | null;
  readonly headers?: Record<string, Buffer | string | (Buffer | string)[]>;
}

/** A partition's name, for maps. */
export function partitionKey({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}/${partition}`;
}

/** Everything of the partition below `nextOffset` has been collected. */
export interface Position {
  readonly topic: string;
  readonly partition: number;
  readonly nextOffset: bigint;
}
