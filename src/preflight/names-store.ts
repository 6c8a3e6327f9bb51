import { SOURCES, type Source } from '../activity/source.ts';
import { readStoredEvidence } from '../freshness/capture-evidence-store.ts';
import type { Queryable } from '../postgres/database.ts';
import { single } from '../runtime/must.ts';
import type { ExistingNames } from './capture-names.ts';

/** Slots and publications, from catalogs that every role may read. */
export async function readCaptureNames(
  slotDatabase: Queryable,
): Promise<Pick<ExistingNames, 'database' | 'slots' | 'publications'>> {
  const { rows } = await slotDatabase.query<{
    database: string;
    slots: { name: string; database: string }[];
    publications: { name: string; sources: Source[] }[];
  }>({
    text: `
SELECT current_database()::text AS database,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('name', slot_name, 'database', database) ORDER BY slot_name), '[]')
   FROM pg_replication_slots WHERE slot_type = 'logical') AS slots,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('name', pubname, 'sources', (
      SELECT coalesce(jsonb_agg(DISTINCT root.relname), '[]')
      FROM pg_publication_tables t
      JOIN pg_namespace n ON n.nspname = t.schemaname
      JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
      JOIN pg_class root ON root.oid = coalesce(pg_partition_root(c.oid), c.oid)
      WHERE t.pubname = p.pubname AND root.relnamespace = 'public'::regnamespace AND root.relname = ANY ($1::text[])
   )) ORDER BY pubname), '[]') FROM pg_publication p) AS publications`,
    values: [[...SOURCES]],
  });
  return single(rows, 'a SELECT without FROM returns one row');
}

/** The names in the newest look at capture. */
export async function readRecordedNames(database: Queryable): Promise<ExistingNames['recorded']> {
  const stored = await readStoredEvidence(database);
  return stored && { slot: stored.evidence.slot?.name, publication: stored.evidence.publication?.name };
}
