import { neededColumns } from '../activity/activity-of.ts';
import { SOURCES, type Source } from '../activity/source.ts';
import type { Queryable } from '../postgres/database.ts';
import type { SourceCapture } from './capture.ts';

/**
 * How the publication captures each source's table. A partitioned table is published by itself
 * (`publish_via_partition_root`), or by its partitions, whose topics a router joins. Sources without a table are left out.
 */
export async function readCaptures(
  source: Queryable,
  publication: string,
): Promise<ReadonlyMap<Source, SourceCapture>> {
  // The instant is the same for attempts of exam results, so `result_json` may be left out.
  const columns = SOURCES.flatMap((each) => neededColumns(each, 'topic').map((column) => [each, column] as const));
  const { rows } = await source.query<SourceCapture & { source: Source }>({
    text: CAPTURES,
    values: [publication, columns.map(([each]) => each), columns.map(([, column]) => column)],
  });
  return new Map(rows.map(({ source: name, ...capture }) => [name, capture]));
}

/** Catalogs only: a role needs no right to the schemas of other published tables. */
const CAPTURES = `
WITH wanted AS (
  SELECT c.oid, c.relname AS source, array_agg(needed.column) AS columns
  FROM unnest($2::text[], $3::text[]) AS needed (source, "column")
  JOIN pg_class c ON c.relname = needed.source AND c.relnamespace = 'public'::regnamespace
  GROUP BY 1, 2
), listed AS (
  SELECT c.oid, t.schemaname || '.' || t.tablename AS name, t.attnames, t.rowfilter
  FROM pg_publication_tables t
  JOIN pg_namespace n ON n.nspname = t.schemaname
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
  WHERE t.pubname = $1
), part AS (
  SELECT wanted.source, wanted.columns, coalesce(tree.relid, wanted.oid) AS oid
  FROM wanted LEFT JOIN LATERAL pg_partition_tree(wanted.oid) tree ON tree.isleaf
)
SELECT part.source,
  coalesce(array_agg(DISTINCT listed.name) FILTER (WHERE listed.oid IS NOT NULL), '{}') AS tables,
  coalesce(array_agg(DISTINCT n.nspname || '.' || c.relname) FILTER (WHERE listed.oid IS NULL), '{}') AS "missingPartitions",
  coalesce((
    SELECT array_remove(ARRAY[CASE WHEN NOT pubinsert THEN 'insert' END, CASE WHEN NOT pubupdate THEN 'update' END], NULL)
    FROM pg_publication WHERE pubname = $1
  ), '{}') AS "missingOperations",
  coalesce(array_agg(DISTINCT listed.name || ' WHERE ' || listed.rowfilter) FILTER (WHERE listed.rowfilter IS NOT NULL), '{}')
    AS "rowFilters",
  coalesce(array_agg(DISTINCT hidden.name) FILTER (WHERE hidden.name IS NOT NULL), '{}') AS "hiddenColumns"
FROM part
JOIN pg_class c ON c.oid = part.oid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN listed ON listed.oid = part.oid OR listed.oid IN (SELECT relid FROM pg_partition_ancestors(part.oid))
LEFT JOIN LATERAL (
  SELECT listed.name || '.' || needed AS name FROM unnest(part.columns) AS needed
  WHERE listed.oid IS NOT NULL AND needed <> ALL (listed.attnames)
) AS hidden ON true
GROUP BY part.source`;
