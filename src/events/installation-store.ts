import type { Queryable } from '../postgres/database.ts';
import { single } from '../runtime/must.ts';

/** The random id of this installation. */
export async function readInstallationId(db: Queryable): Promise<string> {
  const { rows } = await db.query<{ id: string }>({
    text: 'SELECT installation_id::text AS id FROM lastseen.installation',
  });
  return single(rows, 'the migration inserts one row').id;
}
