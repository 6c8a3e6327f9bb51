import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { must } from '../../src/runtime/must.ts';
import { applyPlatformSchema } from '../platform.ts';
import { INSERT_WEEKLY } from './generated/population-load.ts';

/** The databases of a run: one, unless own tables are elsewhere. */
export interface DemoDatabases {
  /** The platform's tables, with the connector's slot. */
  readonly source: Database;
  /** lastseen's own tables, and `weekly_kpi`. */
  readonly own: Database;
  close(): Promise<void>;
}

const OWN_DATABASE = 'lastseen';

interface DemoUrls {
  readonly source: string;
  readonly own: string;
}

/** The same one twice if own tables are next to the platform's; otherwise two databases of one server. */
export function demoUrls(databaseUrl: string, ownDatabase: boolean): DemoUrls {
  const url = new URL(databaseUrl);
  if (ownDatabase) url.pathname = `/${OWN_DATABASE}`;
  return { source: databaseUrl, own: url.href };
}

export function openDatabases(urls: DemoUrls): DemoDatabases {
  const open = (url: string) => openDatabase({ url, applicationName: 'demo' });
  const source = open(urls.source);
  const own = urls.own === urls.source ? source : open(urls.own);
  return {
    source,
    own,
    async close() {
      await source.close();
      if (own !== source) await own.close();
    },
  };
}

/** Creates the platform's tables. A database of own tables has only `weekly_kpi` of them: nothing can be read there by mistake. */
export async function createTables(urls: DemoUrls, { source, own }: DemoDatabases): Promise<void> {
  await applyPlatformSchema(urls.source);
  if (own === source) return;
  await source.query({ text: `CREATE DATABASE ${OWN_DATABASE}` });
  await applyPlatformSchema(urls.own);
  await own.query({ text: KEEP_WEEKLY_ONLY });
}

const KEEP_WEEKLY_ONLY = `DO $$ BEGIN
  EXECUTE (SELECT 'DROP TABLE ' || string_agg(quote_ident(tablename), ', ')
    FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'weekly_kpi');
END $$`;

/** Moves the loaded weekly rows to own tables. As text: numbers in JSON may be wider than a double. */
export async function moveWeekly({ source, own }: DemoDatabases): Promise<void> {
  if (own === source) return;
  const { rows } = await source.query<{ weekly: string }>({
    text: `SELECT coalesce(json_agg(w), '[]')::text AS weekly
      FROM (SELECT user_id, week_start, kpis::text, created_at, updated_at FROM weekly_kpi) w`,
  });
  await own.query({ text: INSERT_WEEKLY, values: [must(rows[0], 'an aggregate returns one row').weekly] });
  await source.query({ text: 'DROP TABLE weekly_kpi' });
}
