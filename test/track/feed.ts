import { neededColumns } from '../../src/activity/activity-of.ts';
import { parseInstant } from '../../src/activity/instant.ts';
import { createDeadLetterWindow, type FailedRecord } from '../../src/dead-letters/dead-letter.ts';
import type { RawRecord } from '../../src/kafka/client/records.ts';
import type { Database } from '../../src/postgres/database.ts';
import { createDecoder } from '../../src/registry/decoder.ts';
import { must } from '../../src/runtime/must.ts';
import { createOpenLetters } from '../../src/track/open-letters-pipeline.ts';
import { createTrack, type TrackDeps } from '../../src/track/pipeline.ts';
import { createProgress } from '../../src/track/progress-pipeline.ts';

const NOW = must(parseInstant('2026-03-16T05:00:00Z'), 'an instant');
export const TOPIC = 'source.public.session';

/** A record of a flattened row of `session`, without an envelope. */
export interface FedRecord {
  readonly value: unknown;
  readonly timestamp?: string;
  readonly headers?: RawRecord['headers'];
}

/** `track` on a real database, without Kafka: batches come from the test, and dead letters go to `letters`. */
export function feeder(database: Database, changes: Partial<TrackDeps> = {}) {
  const letters: FailedRecord[] = [];
  let nextOffset = 0;
  const now = () => NOW;
  const stages = createTrack({
    database,
    deadLetters: { send: async (sent) => void letters.push(...sent) },
    progress: createProgress({ database, now, readBounds: async () => ({ start: 0n, end: 1_000_000n }) }),
    now,
    decoder: createDecoder({
      registry: { writerSchema: async () => ({ kind: 'unknown' as const }) },
      neededColumns: (source) => neededColumns(source, 'topic'),
    }),
    deadLetterLimit: createDeadLetterWindow(0.05),
    sourceOf: new Map([[TOPIC, 'session' as const]]),
    policy: { attemptSource: 'topic', maxClockSkewUs: 600_000_000n },
    openLetters: createOpenLetters(database),
    ...changes,
  });
  const batchOf = (records: readonly FedRecord[], from: number) => ({
    topic: TOPIC,
    partition: 0,
    records: records.map(({ value, timestamp = '1773000000000', headers }, index) => ({
      key: null,
      value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
      timestamp,
      offset: String(from + index),
      headers,
    })),
    fromOffset: BigInt(from),
    nextOffset: BigInt(from + records.length),
  });
  const feedBatches = async (...batches: readonly (readonly FedRecord[])[]): Promise<void> => {
    const flush = stages.open();
    let to = nextOffset;
    for (const records of batches) {
      await stages.collect(batchOf(records, to), flush);
      to += records.length;
    }
    await stages.apply(flush, [{ topic: TOPIC, partition: 0, nextOffset: BigInt(to) }]);
    nextOffset = to;
  };
  return {
    letters,
    stages,
    /** Reads the records as one batch at the next offset, and applies them. */
    feed: (...records: readonly FedRecord[]) => feedBatches(records),
    /** The same with several batches, which are applied together. */
    feedBatches,
    /** Reads again from an offset, as after a restart. */
    rewind(offset: number): void {
      nextOffset = offset;
    },
  };
}
