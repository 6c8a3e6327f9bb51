import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectorStatus, deleteConnector, putConnector } from '../../stack/connector.ts';
import type { Side } from '../bench.ts';
import type { Harness } from '../harness.ts';
import type { Load } from '../load/load.ts';
import { cpuSecondsOf, peakRssMbOf } from '../usage.ts';
import { lastCommitOf, rowsOf, wrongRows } from './result.ts';
import { throughput } from './throughput.ts';

const LOOK_EVERY_MS = 200;

/**
 * Debezium's JDBC sink with its fastest settings for this work: one row per learner, only the last record of a learner in a
 * batch, written as arrays. It keeps the value that it wrote last, so some learners end behind: their number is a figure.
 *
 * Its worker is started once and stays warm; each run is a new connector. It has one task, because two would lock the same
 * learners' rows in different order.
 */
export function jdbcSinkSide(harness: Harness, load: Load): Side {
  const { addresses, admin, database } = harness;
  return {
    name: 'jdbc-sink',
    async run(round) {
      const name = `${load.prefix}-jdbc-${round}`;
      const table = `jdbc_last_seen_${load.prefix}`;
      await database.query({ text: `DROP TABLE IF EXISTS ${table}` });
      await database.query({ text: `CREATE TABLE ${table} (user_id text PRIMARY KEY, ended_at timestamptz)` });
      await database.query({ text: 'CHECKPOINT' });
      await putConnector(addresses, name, connectorSettings(harness, load, table));
      const groupId = `connect-${name}`;
      const startedAt = await harness.waitForMembers(groupId, new Promise(() => {}));
      const before = await harness.readServerUse();
      const cpuBefore = cpuSecondsOf(harness.pids.connect) ?? Number.NaN;
      await untilRead(name, groupId);
      const after = await harness.readServerUse();
      const cpuSeconds = (cpuSecondsOf(harness.pids.connect) ?? Number.NaN) - cpuBefore;
      const endedAt = await lastCommitOf(harness, table);
      const rows = await rowsOf(
        harness,
        `SELECT user_id, (extract(epoch FROM ended_at) * 1e6)::int8 AS at FROM ${table}`,
      );
      await deleteConnector(addresses, name);
      return {
        ...throughput({ records: load.records, startedAt, endedAt, before, after }),
        cpuUsPerRecord: (cpuSeconds * 1e6) / load.records,
        peakRssMb: peakRssMbOf(harness.pids.connect) ?? Number.NaN,
        learnersWrong: wrongRows(load, rows),
      };
    },
  };

  async function untilRead(name: string, groupId: string): Promise<void> {
    const ends = new Map(
      (await admin.fetchTopicOffsets(load.topic)).map(({ partition, high }) => [partition, BigInt(high)]),
    );
    for (;;) {
      const [committed] = await admin.fetchOffsets({ groupId, topics: [load.topic] });
      const unread = committed?.partitions.filter(
        ({ partition, offset }) => BigInt(offset) < (ends.get(partition) ?? 0n),
      );
      if (unread?.length === 0) return;
      const failed = (await connectorStatus(addresses, name))?.tasks.find(({ state }) => state === 'FAILED');
      if (failed !== undefined) throw new Error(`the JDBC sink failed: ${failed.trace ?? 'Connect gives no trace'}`);
      await sleep(LOOK_EVERY_MS);
    }
  }
}

function connectorSettings({ addresses }: Harness, { topic }: Load, table: string): Record<string, string> {
  const database = new URL(addresses.databaseUrl);
  const converters = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../stack/connector.json'), 'utf8').replaceAll(
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of the file
      '${REGISTRY_URL}',
      addresses.registryV2Url,
    ),
  ) as Record<string, string>;
  return {
    ...Object.fromEntries(Object.entries(converters).filter(([key]) => /^(key|value)\.converter/.test(key))),
    'connector.class': 'io.debezium.connector.jdbc.JdbcSinkConnector',
    'tasks.max': '1',
    topics: topic,
    'connection.url': `jdbc:postgresql://${database.host}${database.pathname}?reWriteBatchedInserts=true`,
    'connection.username': database.username,
    'connection.password': database.password,
    'insert.mode': 'upsert',
    'primary.key.mode': 'record_value',
    'primary.key.fields': 'user_id',
    'field.include.list': `${topic}:user_id,${topic}:ended_at`,
    'collection.name.format': table,
    'schema.evolution': 'none',
    'batch.size': '5000',
    'use.reduction.buffer': 'true',
    'dialect.postgres.unnest.insert.enabled': 'true',
    'consumer.override.auto.offset.reset': 'earliest',
    'consumer.override.max.poll.records': '5000',
    'consumer.override.fetch.min.bytes': '1048576',
    'consumer.override.fetch.max.wait.ms': '250',
  };
}
