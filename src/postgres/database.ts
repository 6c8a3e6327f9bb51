import pg from 'pg';
import { type Instant, parseInstant } from '../activity/instant.ts';
import { AFTER_ALL_TIME, BEFORE_ALL_TIME } from '../activity/times.ts';
import { single } from '../runtime/must.ts';
import { translateError } from './failures.ts';
import { requireHeldLocks } from './held-lock.ts';
import { APPLY_SETTINGS } from './session-settings.ts';
import { connectionOptions } from './tls.ts';
import { refuseTransactionPooler } from './transaction-pooler.ts';

/**
 * With a `name`, the statement is prepared once per connection. A statement that joins an array of learners has none: after
 * five runs Postgres would keep the plan for an array of about ten learners.
 */
export interface Statement {
  readonly name?: string;
  readonly text: string;
  readonly values?: readonly unknown[];
}

/** A statement with its parameters, to be run or to become a part of another one. */
export type BoundStatement = Required<Omit<Statement, 'name'>>;

interface QueryResult<R> {
  readonly rows: R[];
  /** Rows written or returned. */
  readonly count: number;
}

/** A position in the write-ahead log, in Postgres' text form, e.g. `0/16B3748`. */
export type Lsn = string & { readonly lsn: unique symbol };

/** The pool, or one connection inside a transaction. */
export interface Queryable {
  query<R>(statement: Statement): Promise<QueryResult<R>>;
}

export interface Database extends Queryable {
  /** Runs `work` in one READ COMMITTED transaction on one connection; rolls back when it throws. */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  /**
   * Runs `work` in one REPEATABLE READ, READ ONLY transaction on one connection: all its statements see the same
   * snapshot. `takenAt` is the server's clock when the snapshot was taken.
   */
  snapshot<T>(work: (tx: Queryable, takenAt: Instant) => Promise<T>): Promise<T>;
  /** Runs `work` on a connection that nothing else uses: for session locks and cursors. */
  session<T>(work: (session: Session) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface Session extends Queryable {
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  /** The driver's own client, for a cursor or a migration tool. */
  readonly client: pg.PoolClient;
}

export interface DatabaseOptions {
  readonly url: string;
  /** The setting with the URL: messages about connections name it. */
  readonly setting?: string;
  readonly applicationName: string;
  readonly maxConnections?: number;
  readonly connectTimeoutMs?: number;
  /** A statement that takes longer fails as an outage. Default: no limit. */
  readonly statementTimeoutMs?: number;
  /** Called for each new connection. */
  readonly onConnected?: () => void;
  /** Called when an idle connection breaks; the pool replaces it. */
  readonly onIdleError?: (error: Error) => void;
}

/**
 * Opens a pool. No connection is made before the first query. Errors are translated by {@link translateError}.
 *
 * Result types: `int8` is a `bigint`, `timestamptz` an `Instant` (microseconds; `infinity` is after all others), `date` and
 * `numeric` are text, the rest is as in `pg`. Instants are bound as text by `formatInstant`. A value in any other form
 * throws, so that nothing is decided from it.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const { setting, connectTimeoutMs = 10_000 } = options;
  const connection = {
    ...connectionOptions(options.url),
    application_name: options.applicationName,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
  };
  const pool = new pg.Pool({
    ...connection,
    max: options.maxConnections ?? 4,
    ...(options.statementTimeoutMs === undefined ? {} : { query_timeout: options.statementTimeoutMs }),
    onConnect: createSessionSetup({ ...connection, query_timeout: connectTimeoutMs }),
    types: { getTypeParser: typeParser as typeof pg.types.getTypeParser },
  });
  pool.on('connect', () => options.onConnected?.());
  pool.on('error', (error) => options.onIdleError?.(error));
  return {
    query: (statement) => send(pool, statement, setting),
    transaction: (work) => withClient(pool, setting, (client) => inTransaction(client, READ_COMMITTED, work)),
    snapshot: (work) =>
      withClient(pool, setting, (client) =>
        inTransaction(client, SNAPSHOT, async (tx) => {
          // Cursors are read completely.
          await tx.query({ text: 'SET LOCAL cursor_tuple_fraction = 1' });
          // The first query takes the snapshot; BEGIN does not.
          const { rows } = await tx.query<{ at: Instant }>({ text: 'SELECT clock_timestamp() AS at' });
          return work(tx, single(rows, 'a SELECT without FROM returns one row').at);
        }),
      ),
    session: (work) =>
      withClient(pool, setting, (client) =>
        work({
          client,
          query: (statement) => send(client, statement),
          transaction: (inner) => inTransaction(client, READ_COMMITTED, inner),
        }),
      ),
    close: () => pool.end(),
  };
}

/** What is done with each connection before it is used. Only the first one is checked for what it leads to. */
function createSessionSetup(config: pg.ClientConfig): (client: pg.ClientBase) => Promise<void> {
  const settings = { text: APPLY_SETTINGS, query_timeout: config.query_timeout };
  let checked: Promise<void> | undefined;
  return async (client) => {
    checked ??= refuseTransactionPooler(client, config).catch((error: unknown) => {
      checked = undefined;
      throw error;
    });
    await checked;
    // Not before the check: they would stay in the sessions of other clients.
    await client.query(settings);
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
      return readInstant;
    case DATE:
      return readDate;
    default:
      return pg.types.getTypeParser(oid, format as 'text') as (text: string) => unknown;
  }
}

function readInstant(text: string): Instant {
  if (text === 'infinity') return AFTER_ALL_TIME;
  if (text === '-infinity') return BEFORE_ALL_TIME;
  const [, year, rest] = /^(\d+)(-.*) BC$/.exec(text) ?? [];
  // There is no year 0 in Postgres.
  const iso = year === undefined ? text : `-${String(Number(year) - 1).padStart(4, '0')}${rest}`;
  return parseInstant(iso) ?? malformed('timestamptz');
}

function readDate(text: string): string {
  return /^\d{4,}-\d\d-\d\d( BC)?$|^-?infinity$/.test(text) ? text : malformed('date');
}

function malformed(type: string): never {
  throw new Error(`Postgres returned a ${type} that is not ISO text: DateStyle was changed within a session`);
}

async function send<R>(
  target: pg.Pool | pg.ClientBase,
  statement: Statement,
  setting?: string,
): Promise<QueryResult<R>> {
  requireHeldLocks();
  try {
    const result = await target.query({
      text: statement.text,
      ...(statement.name === undefined ? {} : { name: statement.name }),
      ...(statement.values === undefined ? {} : { values: [...statement.values] }),
    });
    return { rows: result.rows as R[], count: result.rowCount ?? 0 };
  } catch (error) {
    throw translateError(error, { text: statement.text, setting });
  }
}

async function withClient<T>(
  pool: pg.Pool,
  setting: string | undefined,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  let client: pg.PoolClient;
  try {
    client = await pool.connect();
  } catch (error) {
    throw translateError(error, { setting });
  }
  let broken: Error | undefined;
  // A connection that breaks while checked out fails its query and also emits 'error', which would end the process.
  const onError = (error: Error) => {
    broken = error;
  };
  client.on('error', onError);
  try {
    return await work(client);
  } catch (error) {
    if (DROPPED.has(translateError(error).code)) broken ??= error as Error;
    throw error;
  } finally {
    client.off('error', onError);
    client.release(broken ?? false);
  }
}

/** After these errors the connection is not used again. */
const DROPPED: ReadonlySet<string | undefined> = new Set(['postgres_unavailable', 'lock_lost']);

const READ_COMMITTED = 'BEGIN ISOLATION LEVEL READ COMMITTED';
const SNAPSHOT = 'BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY';

async function inTransaction<T>(client: pg.PoolClient, begin: string, work: (tx: Queryable) => Promise<T>): Promise<T> {
  await send(client, { text: begin });
  try {
    const result = await work({ query: (statement) => send(client, statement) });
    await send(client, { text: 'COMMIT' });
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {
      // The first error is reported; withClient drops a connection that cannot roll back.
    });
    throw error;
  }
}

/** Runs `work` inside a transaction; if it throws, only its own changes are rolled back. Not to be nested. */
export async function withSavepoint<T>(tx: Queryable, work: () => Promise<T>): Promise<T> {
  await tx.query({ text: 'SAVEPOINT part' });
  try {
    const result = await work();
    await tx.query({ text: 'RELEASE SAVEPOINT part' });
    return result;
  } catch (error) {
    await tx.query({ text: 'ROLLBACK TO SAVEPOINT part' }).catch(() => {
      // The first error is reported; the connection is lost.
    });
    throw error;
  }
}
