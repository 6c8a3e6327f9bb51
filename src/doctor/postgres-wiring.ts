import { neededColumns } from '../activity/activity-of.ts';
import { sourceTopics } from '../config/kafka-names.ts';
import { sourceSetting } from '../config/source-server.ts';
import { sourcePrimary } from '../freshness/replication-store.ts';
import { createReplica, untilReplayed } from '../postgres/replica.ts';
import { type Finding, ok } from '../preflight/finding.ts';
import { sourceTables } from '../preflight/source-tables.ts';
import { missingOwnTables, readMigrations } from '../setup/migrations-store.ts';
import { readSourceTables } from '../source-activity/tables-store.ts';
import type { Check } from './checks.ts';
import { type Connections, check } from './connections-wiring.ts';
import * as postgres from './postgres-findings.ts';
import { hasOwnSchema, readClock, readServerFacts, unreadableOwnTables } from './postgres-store.ts';

/** Checks of DATABASE_URL and SOURCE_DATABASE_URL. */
export function postgresChecks(connections: Connections): readonly Check[] {
  const { context, database, slotDatabase, source } = connections;
  const setting = sourceSetting(context.settings);
  const onPostgres = (name: string, run: () => Promise<Finding>) => check(name, ['postgres'], 'DATABASE_URL', run);
  return [
    check('postgres', [], 'DATABASE_URL', async () => ok(`answers as role ${(await readServerFacts(database)).role}`)),
    onPostgres('version', async () => postgres.version(await readServerFacts(database))),
    onPostgres('clock', () => clockFinding(connections)),
    onPostgres('own tables', () => ownTablesFinding(connections)),
    check('rights', ['own tables'], 'DATABASE_URL', async () =>
      postgres.ownTables((await readServerFacts(database)).role, await unreadableOwnTables(database)),
    ),
    check('slot server', slotDatabase === database ? ['postgres'] : [], 'SLOT_DATABASE_URL', () =>
      slotServerFinding(connections),
    ),
    check('wal_level', ['slot server'], 'SLOT_DATABASE_URL', () => walLevelFinding(connections)),
    // Without a setting of its own it is one of the servers above, whose failure is reported there.
    check('source', ASKED[setting], setting, async () => postgres.version(await readServerFacts(source))),
    check('source tables', ['source'], setting, () => sourceTableFindings(connections)),
    check('replica', ['source', 'slot server'], setting, () => replicaFinding(connections)),
  ];
}

/** The checks that ask the server of the source tables already. */
const ASKED = { DATABASE_URL: ['postgres'], SLOT_DATABASE_URL: ['slot server'], SOURCE_DATABASE_URL: [] } as const;

async function ownTablesFinding({ database }: Connections): Promise<Finding> {
  if (!(await hasOwnSchema(database))) return postgres.missingSchema();
  const names = await readMigrations(database);
  return postgres.migrations(names, await missingOwnTables(database, names));
}

async function clockFinding({ context, database }: Connections): Promise<Finding> {
  const sentAt = context.now();
  const serverTime = await readClock(database);
  return postgres.clock(serverTime, sentAt, context.now());
}

async function slotServerFinding({ database, slotDatabase }: Connections): Promise<Finding> {
  const facts = await readServerFacts(slotDatabase);
  return database === slotDatabase ? ok('the same as postgres: SLOT_DATABASE_URL is not set') : postgres.version(facts);
}

async function walLevelFinding({ database, slotDatabase }: Connections): Promise<Finding> {
  const facts = await readServerFacts(slotDatabase);
  const isKnownStandby =
    facts.isStandby && (await sourcePrimary({ database, slotDatabase })) === database && database !== slotDatabase;
  return postgres.walLevel(facts, isKnownStandby);
}

/** Shorter than the timeout of a check. */
const REPLAYED_WITHIN_MS = 2_000;

/** As `recompute` waits for a replica. */
async function replicaFinding({ database, slotDatabase, source }: Connections): Promise<Finding> {
  if (!(await readServerFacts(source)).isStandby) return ok('the source tables are on no standby');
  const replica = createReplica(await sourcePrimary({ database, slotDatabase }), source);
  const position = await replica.primaryPosition();
  if (!(await untilReplayed(replica, position, performance.now() + REPLAYED_WITHIN_MS))) {
    return postgres.replicaBehind(position);
  }
  return ok(`the standby has replayed its primary's log up to ${position}`);
}

async function sourceTableFindings({ context: { settings }, source }: Connections): Promise<readonly Finding[]> {
  const wanted = [...sourceTopics(settings).values()].map(
    (table) => [table, neededColumns(table, settings.ATTEMPT_SOURCE)] as const,
  );
  const tables = await readSourceTables(source, wanted);
  return sourceTables(tables, sourceSetting(settings));
}
