import pg from 'pg';
import { type Instant, parseInstant } from '../activity/instant.ts';
import { failureOf } from './failures.ts';
import { connectionOf } from './tls.ts';

/** One statement. With a `name` it is prepared once a connection. */
export interface Statement {
  readonly name?: string;
  readonly text: string;
  readonly values?: readonly unknown[];
}

interface QueryResult<R> {
  readonly rows: R[];
  /** Rows written or returned. */
  readonly count: number;
}

/** Where a query can be sent: the pool, or one connection inside a transaction. */
export interface Queryable {
  query<R>(statement: Statement): Promise<QueryResult<R>>;
}

export interface Database extends Queryable {
  /** Runs `work` in one READ COMMITTED transaction on one connection; rolls back when it throws. */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  /**
   * Runs `work` in one REPEATABLE READ, READ ONLY transaction on one connection: all its statements see the same rows,
   * those of now.
   *
   * @param work is told the instant by the server's own clock.
   */
  snapshot<T>(work: (tx: Queryable, takenAt: Instant) => Promise<T>): Promise<T>;
  /** Runs `work` on one connection of its own: for session locks and cursors. */
  session<T>(work: (session: Session) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

interface Session extends Queryable {
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  /** The driver's own client, for a cursor or a migration tool. */
  readonly client: pg.PoolClient;
}

export interface DatabaseOptions {
  readonly url: string;
  readonly applicationName: string;
  readonly maxConnections?: number;
  readonly connectTimeoutMs?: number;
  /** A statement that takes longer fails as an outage; unless told, none does. */
  readonly statementTimeoutMs?: number;
  /** Called for each connection that is made. */
  readonly onConnected?: () => void;
  /** Called when an idle connection breaks; the pool replaces it. */
  readonly onIdleError?: (error: Error) => void;
}

/**
 * Opens a pool. No connection is made before the first query. Every error comes out as a `LastseenError`, with
 * `retriable` decided by SQLSTATE.
 *
 * Types read: `int8` as `bigint`, `timestamptz` as `Instant` (microseconds), `date` and `numeric` as text, the rest as
 * `pg` has it. Instants are bound as text by `formatInstant`.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const pool = new pg.Pool({
    ...connectionOf(options.url),
    application_name: options.applicationName,
    max: options.maxConnections ?? 4,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 10_000,
    keepAlive: true,
    ...(options.statementTimeoutMs === undefined ? {} : { query_timeout: options.statementTimeoutMs }),
    // Doubles arrive exact whatever the server's own setting is.
    options: '-c TimeZone=UTC -c extra_float_digits=1',
    types: { getTypeParser: typeParser as typeof pg.types.getTypeParser },
  });
  pool.on('connect', () => options.onConnected?.());
  pool.on('error', (error) => options.onIdleError?.(error));
  return {
    query: (statement) => send(pool, statement),
    transaction: (work) => withClient(pool, (client) => inTransaction(client, READ_COMMITTED, work)),
    snapshot: (work) =>
      withClient(pool, (client) =>
        inTransaction(client, SNAPSHOT, async (tx) => {
          // It may wait long for others, and is read by cursors to their ends.
          await tx.query({ text: 'SET LOCAL idle_in_transaction_session_timeout = 0' });
          await tx.query({ text: 'SET LOCAL cursor_tuple_fraction = 1' });
          // The first query takes the snapshot, not BEGIN.
          const { rows } = await tx.query<{ at: Instant }>({ text: 'SELECT clock_timestamp() AS at' });
          return work(tx, rows[0]?.at ?? 0n);
        }),
      ),
    session: (work) =>
      withClient(pool, (client) =>
        work({
          client,
          query: (statement) => send(client, statement),
          transaction: (inner) => inTransaction(client, READ_COMMITTED, inner),
        }),
      ),
    close: () => pool.end(),
  };
}

const TIMESTAMPTZ = 1184;
const INT8 = 20;
const DATE = 1082;

function typeParser(oid: number, format?: 'text' | 'binary'): (text: string) => unknown {
  switch (oid) {
    case INT8:
      return BigInt;
    case TIMESTAMPTZ:
      return (text) => parseInstant(text) ?? text;
    case DATE:
      return (text) => text;
    default:
      return pg.types.getTypeParser(oid, format as 'text') as (text: string) => unknown;
  }
}

async function send<R>(target: pg.Pool | pg.ClientBase, statement: Statement): Promise<QueryResult<R>> {
  try {
    const result = await target.query({
      text: statement.text,
      ...(statement.name === undefined ? {} : { name: statement.name }),
      ...(statement.values === undefined ? {} : { values: [...statement.values] }),
    });
    return { rows: result.rows as R[], count: result.rowCount ?? 0 };
  } catch (error) {
    throw failureOf(error);
  }
}

async function withClient<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  let client: pg.PoolClient;
  try {
    client = await pool.connect();
  } catch (error) {
    throw failureOf(error);
  }
  let broken: Error | undefined;
  // A connection that breaks while checked out emits 'error' besides failing its query; unhandled, it ends the process.
  const onError = (error: Error) => {
    broken = error;
  };
  client.on('error', onError);
  try {
    return await work(client);
  } catch (error) {
    if (failureOf(error).code === 'postgres_unavailable') broken ??= error as Error;
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken ?? false);
  }
}

const READ_COMMITTED = 'BEGIN ISOLATION LEVEL READ COMMITTED';
const SNAPSHOT = 'BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY';

async function inTransaction<T>(client: pg.PoolClient, begin: string, work: (tx: Queryable) => Promise<T>): Promise<T> {
  await send(client, { text: begin });
  try {
    const result = await work({ query: (statement) => send(client, statement) });
    await send(client, { text: 'COMMIT' });
    return result;
  } catch (error) {
    await send(client, { text: 'ROLLBACK' }).catch(() => {
      // The first error is the one to tell; a connection that cannot roll back is dropped by withClient.
    });
    throw error;
  }
}
