import pg from 'pg';
import { LastseenError } from '../runtime/errors.ts';
import { single } from '../runtime/must.ts';

const WHOSE_TURN = ['own', 'own', 'other', 'other', 'own', 'other', 'other', 'own', 'own', 'other'] as const;

/**
 * Refuses a pooler that gives each transaction any server process: session locks, settings and prepared statements would
 * belong to other clients too. Two connections that are open at once share a server process, or change it, only behind such
 * a pooler. A direct connection is recognized by its key, which a pooler has to replace, and costs one query.
 *
 * @param client a new connection.
 * @param config of a second one, which is opened only behind a pooler.
 * @throws LastseenError `postgres_refused`
 */
export async function refuseTransactionPooler(client: pg.ClientBase, config: pg.ClientConfig): Promise<void> {
  const { processID } = client as pg.ClientBase & { readonly processID: number | null };
  const serverProcess = async (each: pg.ClientBase) => {
    const statement = { text: 'SELECT pg_backend_pid() AS pid', query_timeout: config.query_timeout };
    const { rows } = await each.query<{ pid: number }>(statement);
    return single(rows, 'a SELECT without FROM returns one row').pid;
  };
  if ((await serverProcess(client)) === processID) return;
  const other = new pg.Client(config);
  // The query that fails reports it.
  other.on('error', () => {});
  try {
    await other.connect();
    const seen = { own: new Set<number>(), other: new Set<number>() };
    for (const turn of WHOSE_TURN) seen[turn].add(await serverProcess(turn === 'own' ? client : other));
    const isSession = seen.own.size === 1 && seen.other.size === 1 && seen.own.isDisjointFrom(seen.other);
    if (!isSession) throw transactionPooler();
  } finally {
    await other.end().catch(() => {
      // It may be broken.
    });
  }
}

function transactionPooler(): LastseenError {
  return new LastseenError(
    'postgres_refused',
    'the Postgres URL leads to a pooler in transaction mode, which breaks session locks and prepared statements: ' +
      'use the address of Postgres itself, or of a pooler in session mode (pool_mode = session; Supabase: port 5432; not RDS Proxy)',
  );
}
