import pg from 'pg';
import { LastseenError } from '../runtime/errors.ts';
import { tlsRefusal } from '../runtime/tls-refusal.ts';

const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
]);

/** Any error, with the code it may have: ours, or the driver's SQLSTATE. */
type CodedError = Error & { code?: string | undefined };

/**
 * What a driver error means here. Outages and conflicts are retriable and get a code of ours; a missing own table says
 * what to run; what some row's values bring about tells where, without the values; everything else is unknown, and ends
 * the process. The only place where a message of Postgres is let through.
 */
export function failureOf(error: unknown): CodedError {
  if (error instanceof LastseenError || !(error instanceof Error)) return error as Error;
  const state = (error as { code?: unknown }).code;
  if (error instanceof pg.DatabaseError && typeof state === 'string') return ofSqlState(state, error);
  if (typeof state === 'string' && NETWORK.has(state)) return unavailable(error);
  const why = tlsRefusal(error);
  if (why !== undefined) return refused(`no safe connection to Postgres: ${why}`, error);
  // The driver gives these no code.
  if (error.message.includes('SSL connection'))
    return refused(`no safe connection to Postgres: ${error.message}`, error);
  if (
    /^Connection terminated|^timeout exceeded when trying to connect|^Query read timeout|not queryable/.test(
      error.message,
    )
  ) {
    return unavailable(error);
  }
  return error;
}

function ofSqlState(state: string, error: pg.DatabaseError): CodedError {
  if (state === '40P01' || state === '40001') {
    return new LastseenError('postgres_conflict', error.message, { retriable: true, cause: error });
  }
  // 08 connection, 53 resources, 57P0x shutting down or starting up, 25006 a standby.
  if (state.startsWith('08') || state.startsWith('53') || /^57P0[1-5]$/.test(state) || state === '25006') {
    return unavailable(error);
  }
  // 28 the login or pg_hba.conf, 3D000 no such database.
  if (state.startsWith('28') || state === '3D000') return refused(`Postgres refuses us: ${error.message}`, error);
  if (state === '42501')
    return refused(`${error.message}: are the grants of k8s/postgres/roles.sql those of this release?`, error);
  if ((state === '42P01' || state === '3F000') && error.message.includes('lastseen.')) {
    return new LastseenError('not_migrated', `${error.message}: run \`lastseen migrate\` first`, { cause: error });
  }
  if (ABOUT_VALUES.test(state)) return aboutValues(state, error);
  const message = NAMES_NO_VALUE.test(state) ? `${error.message} (SQLSTATE ${state})` : `SQLSTATE ${state}`;
  return Object.assign(new Error(`Postgres: ${message}`), { code: state });
}

/** Classes whose messages name tables, columns, types and the server's state alone; of others it is not known. */
const NAMES_NO_VALUE = /^(0A|25|26|34|42|55|57|58)/;

/** 21 cardinality, 22 data, 23 integrity, 44 a view's check, 54 too large, P0 raised by a trigger. */
const ABOUT_VALUES = /^(21|22|23|44|54|P0)/;

/** Without its message, its detail and itself as the cause: each may quote the values. */
function aboutValues(state: string, { table, column, constraint }: pg.DatabaseError): LastseenError {
  const where = [table, column, constraint].filter((name) => name !== undefined);
  return new LastseenError('postgres_data', [`SQLSTATE ${state}`, ...where].join(' '));
}

function unavailable(error: Error): LastseenError {
  return new LastseenError('postgres_unavailable', `Postgres is not available: ${error.message}`, {
    retriable: true,
    cause: error,
  });
}

function refused(message: string, cause: Error): LastseenError {
  return new LastseenError('postgres_refused', message, { cause });
}
