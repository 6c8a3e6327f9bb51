import { setTimeout as sleep } from 'node:timers/promises';
import { SOURCES, type Source } from '../../src/activity/source.ts';
import { endPositions } from '../../src/kafka/admin/offsets.ts';
import type { KafkaClient } from '../../src/kafka/client/client.ts';
import type { Queryable } from '../../src/postgres/database.ts';
import { StackError } from '../errors.ts';
import { progressBar } from './bar.ts';
import type { Report } from './load.ts';

const POLL_MS = 500;
/** Without a new record for this long, something is wrong. */
const STALLED_AFTER_MS = 60_000;

export interface Delivery {
  /** Records in each topic now. */
  counts(): Promise<Record<Source, number>>;
  /** Waits until the topics hold this number of records in total. */
  untilDelivered(records: number, report: Report): Promise<void>;
  /** Waits until Kafka has acknowledged everything committed at the database before the call. */
  untilConfirmed(expected: number, report: Report): Promise<void>;
}

export interface DeliveryDeps {
  readonly kafka: KafkaClient;
  readonly database: Queryable;
  readonly topicPrefix: string;
  readonly slot: string;
  readonly signal: AbortSignal;
}

export function watchDelivery({ kafka, database, topicPrefix, slot, signal }: DeliveryDeps): Delivery {
  const topicOf = (source: Source) => `${topicPrefix}.public.${source}`;
  const counts = async () => {
    const ends = await endPositions(kafka, SOURCES.map(topicOf));
    const count = (source: Source) =>
      ends.filter(({ topic }) => topic === topicOf(source)).reduce((sum, end) => sum + Number(end.nextOffset), 0);
    return Object.fromEntries(SOURCES.map((source) => [source, count(source)])) as Record<Source, number>;
  };
  const total = async () => Object.values(await counts()).reduce((sum, count) => sum + count, 0);

  const until = async (expected: number, report: Report, reached: (records: number) => Promise<boolean> | boolean) => {
    let before = -1;
    let movedAt = performance.now();
    for (;;) {
      signal.throwIfAborted();
      const records = await total();
      if (await reached(records)) return;
      report(progressBar(records, expected, 'records in the topics'));
      if (records !== before) movedAt = performance.now();
      before = records;
      if (performance.now() - movedAt > STALLED_AFTER_MS) {
        throw new StackError(
          `the connector delivers nothing: ${records} of ${expected} records, no new one for ${STALLED_AFTER_MS / 1000} s`,
        );
      }
      await sleep(POLL_MS);
    }
  };

  return {
    counts,
    untilDelivered: (records, report) => until(records, report, (now) => now >= records),
    async untilConfirmed(expected, report) {
      const written = await currentLsn(database);
      await until(expected, report, () => slotIsPast(database, slot, written));
    },
  };
}

async function currentLsn(database: Queryable): Promise<string> {
  const { rows } = await database.query<{ lsn: string }>({ text: 'SELECT pg_current_wal_insert_lsn()::text AS lsn' });
  return rows[0]?.lsn ?? '0/0';
}

async function slotIsPast(database: Queryable, slot: string, lsn: string): Promise<boolean> {
  const { rows } = await database.query<{ past: boolean }>({
    text: 'SELECT confirmed_flush_lsn >= $2::pg_lsn AS past FROM pg_replication_slots WHERE slot_name = $1',
    values: [slot, lsn],
  });
  return rows[0]?.past === true;
}
