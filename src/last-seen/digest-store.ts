import { sqlPerSource } from '../activity/source.ts';
import type { Queryable } from '../postgres/database.ts';
import { single } from '../runtime/must.ts';

export interface TableDigest {
  readonly learners: bigint;
  /** SHA-256 in hexadecimal. */
  readonly digest: string;
}

/**
 * A hash of the content of the table, independent of the physical order of its rows. A row is hashed as a JSON array of
 * student id, user id and the instant per source in microseconds since the epoch. Row hashes are hashed per block (the
 * first three hexadecimal digits of the student id), and the block hashes once more: so the server can sort on disk and
 * keeps only one block in memory.
 */
export async function digestLastSeen(db: Queryable): Promise<TableDigest> {
  const { rows } = await db.query<TableDigest>({ text: DIGEST });
  return single(rows, 'an aggregate returns one row');
}

const DIGEST = `
SELECT
  coalesce(sum(learners), 0)::int8 AS learners,
  encode(sha256(coalesce(string_agg(digest, '' ORDER BY block), '')), 'hex') AS digest
FROM (
  SELECT block, count(*) AS learners, sha256(string_agg(digest, '' ORDER BY student_id)) AS digest
  FROM (
    SELECT left(student_id::text, 3) AS block, student_id, sha256(convert_to(json_build_array(
      student_id, user_id, ${sqlPerSource((source) => `(extract(epoch FROM ${source}_at) * 1000000)::int8`)}
    )::text, 'UTF8')) AS digest
    FROM lastseen.user_last_seen
  ) learner
  GROUP BY block
) blocks`;
