import pg from 'pg';
import type { Database } from '../../src/postgres/database.ts';

/** A replication slot that a test moves in place of a connector. */
export interface ConnectorSlot {
  readonly name: string;
  create(): Promise<void>;
  /** Does nothing if there is none. */
  drop(): Promise<void>;
  /** Advances it as the connector does after Kafka has acknowledged all changes and a heartbeat. */
  deliver(): Promise<void>;
}

/** @param database its name is part of the slot's: slots belong to the whole server. */
export function connectorSlot(database: Database, databaseUrl: string): ConnectorSlot {
  const name = `s_${new URL(databaseUrl).pathname.slice(1)}`;
  const run = (text: string) => database.query({ text, values: [name] }).then(() => {});
  return {
    name,
    create: () => run(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`),
    drop: () => run('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1'),
    async deliver() {
      await database.query({ text: `SELECT pg_logical_emit_message(true, 'heartbeat', '')` });
      await run('SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())');
    },
  };
}

/** Reads a slot as a connector does, but confirms nothing. @returns what ends it */
export async function streamSlot(url: string, slot: string, publication: string): Promise<() => Promise<void>> {
  const connector = new pg.Client({ connectionString: url, replication: 'database' } as pg.ClientConfig);
  await connector.connect();
  const streaming = connector
    .query(`START_REPLICATION SLOT ${slot} LOGICAL 0/0 (proto_version '1', publication_names '${publication}')`)
    .catch(() => {});
  return async () => {
    await connector.end();
    await streaming;
  };
}
