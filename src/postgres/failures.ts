import pg from 'pg';
import { LastseenError } from '../runtime/errors.ts';
import { tlsRefusal } from '../runtime/tls-refusal.ts';

const NETWORK = new Set([
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'EPIPE',
  'ETIMEDOUT',
  // A name that is unknown now may be known again soon, as in a failover.
  'EAI_AGAIN',
  'EAI_FAIL',
  'ENOTFOUND',
]);

/** `code` is an ErrorCode, or the SQLSTATE of the driver. */
type CodedError = Error & { code?: string | undefined };

/** Where an error comes from, for its message. */
interface Origin {
  /** Of the statement, without the values of its parameters. */
  readonly text?: string;
  /** The setting with the server's address. */
  readonly setting?: string | undefined;
}

/**
 * Translates an error of the driver. Outages and conflicts become retriable. For a missing own table the message names the
 * command to run. An error about a row's values names table, column and constraint, but no value. Any other error is
 * unknown and ends the process. This is the only place that copies messages of Postgres.
 */
export function translateError(error: unknown, { text = '', setting }: Origin = {}): CodedError {
  if (error instanceof LastseenError || !(error instanceof Error)) return error as Error;
  const state = (error as { code?: unknown }).code;
  const server = setting === undefined ? 'Postgres' : `Postgres (${setting})`;
  if (error instanceof pg.DatabaseError && typeof state === 'string')
    return translateSqlState(state, error, text, server);
  if (typeof state === 'string' && NETWORK.has(state)) return unavailable(error, server);
  const why = tlsRefusal(error);
  if (why !== undefined) return refused(`no safe connection to ${server}: ${why}`, error);
  // These errors of the driver have no code.
  if (error.message.includes('SSL connection'))
    return refused(`no safe connection to ${server}: ${error.message}; check sslmode and the TLS of the server`, error);
  if (
    /^Connection terminated|^timeout exceeded when trying to connect|^Query read timeout|not queryable/.test(
      error.message,
    )
  ) {
    return unavailable(error, server);
  }
  return error;
}

function translateSqlState(state: string, error: pg.DatabaseError, text: string, server: string): CodedError {
  if (state === '40P01' || state === '40001') {
    return new LastseenError('postgres_conflict', `Postgres aborted the transaction: ${error.message}; retry it`, {
      retriable: true,
      cause: error,
    });
  }
  if (POOLER_REFUSALS.test(error.message)) return refused(`the pooler refuses the connection: ${error.message}`, error);
  if (OUTAGES.test(state) && !isOwnMistake(state, error)) return unavailable(error, server);
  // 28 login or pg_hba.conf, 3D000 unknown database.
  if (state.startsWith('28') || state === '3D000')
    return refused(`${server} refuses the connection: ${error.message}; check its URL and pg_hba.conf`, error);
  if (state === '42501') return refused(`${error.message}: apply k8s/postgres/roles.sql of this release`, error);
  if (state === '42P01' || state === '3F000') {
    if (!/lastseen\.|"lastseen"/.test(error.message)) return missingTable(state, error);
    return new LastseenError('not_migrated', `${error.message}: run \`lastseen migrate\` first`, { cause: error });
  }
  if (MISMATCHES.has(state)) return mismatch(state, error, text);
  if (VALUE_ERRORS.test(state)) return valueError(state, error);
  const message = VALUE_FREE.test(state) ? `${error.message} (SQLSTATE ${state})` : `SQLSTATE ${state}`;
  return Object.assign(new Error(`Postgres: ${message}`), { code: state });
}

/**
 * 08 connection, 53 resources, 57P0x shutdown, startup or an idle session, 57014 statement cancelled or out of time, 55P03
 * lock not available in time, 25P03 idle in a transaction, 25P04 transaction out of time, 25006 read-only (a standby).
 */
const OUTAGES = /^(08|53|57P0[1-5]|57014|55P03|25P03|25P04|25006)/;

/**
 * 08P01 of Postgres itself, such as a message with too few parameters, is a bug of this program or of the driver. PgBouncer
 * sends 08P01 for outages: a server that was lost or did not come in time, or a limit. Only Postgres names its routine.
 */
function isOwnMistake(state: string, { routine }: pg.DatabaseError): boolean {
  return state === '08P01' && routine !== undefined;
}

/** PgBouncer sends these with 08P01, as it does its outages. */
const POOLER_REFUSALS = /^(unsupported startup parameter|no such database|no such user|SASL authentication failed)/;

/** Classes whose messages name only tables, columns, types and the state of the server. Others may quote values. */
const VALUE_FREE = /^(08|0A|25|26|34|42|55|57|58)/;

/** 21 cardinality, 22 data, 23 integrity, 44 WITH CHECK OPTION, 54 limit exceeded, P0 raised by PL/pgSQL (a trigger). */
const VALUE_ERRORS = /^(21|22|23|44|54|P0)/;

/** Drops the message, the detail and the cause: each may quote values. */
function valueError(state: string, { table, column, constraint }: pg.DatabaseError): LastseenError {
  const names = [table, column, constraint].filter((name) => name !== undefined);
  const place = [`SQLSTATE ${state}`, ...names].join(' ');
  return new LastseenError('postgres_data', `Postgres rejects a value: ${place}; its log has the details`);
}

/**
 * Undefined column, function or operator (as for a column of another type), wrong type, no such type, no cast, not a table.
 */
const MISMATCHES: ReadonlySet<string> = new Set(['42703', '42883', '42804', '42704', '42846', '42809']);

/** The message names the types but not the column, so a part of the statement is shown. */
function mismatch(state: string, error: pg.DatabaseError, text: string): LastseenError {
  const place = error.position === undefined ? '' : ` in \`${around(text, Number(error.position) - 1)}\``;
  return new LastseenError(
    'tables_differ',
    `${error.message}${place} (SQLSTATE ${state}): a table is not as lastseen reads it; \`lastseen doctor\` names the column`,
    { cause: error },
  );
}

const SHOWN_BEFORE = 50;
const SHOWN_AFTER = 20;

/** The surroundings of a place in a text, within its line. */
function around(text: string, at: number): string {
  const before = text.slice(Math.max(0, at - SHOWN_BEFORE), at).replace(/^.*\n/s, '');
  return (before + text.slice(at, at + SHOWN_AFTER).replace(/\n.*$/s, '')).trim();
}

function missingTable(state: string, error: pg.DatabaseError): LastseenError {
  const message = `${error.message} (SQLSTATE ${state})`;
  return new LastseenError('tables_differ', `${message}: correct DATABASE_URL or SOURCE_DATABASE_URL, or create it`, {
    cause: error,
  });
}

function unavailable(error: Error, server: string): LastseenError {
  return new LastseenError('postgres_unavailable', `${server} is not available: ${error.message}`, {
    retriable: true,
    cause: error,
  });
}

function refused(message: string, cause: Error): LastseenError {
  return new LastseenError('postgres_refused', message, { cause });
}
