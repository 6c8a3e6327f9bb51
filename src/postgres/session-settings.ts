/**
 * The settings of each of our sessions. The server, the database, the role and the URL may have others. These are sent as a
 * statement when a connection is opened: a pooler refuses most of them as parameters of the startup.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  // Values arrive in the one form that the type parsers read.
  client_encoding: 'UTF8',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  // Statements mean what they say: NULL in array literals, backslashes in strings.
  array_nulls: 'on',
  standard_conforming_strings: 'on',
  // Statements outside of a transaction do not fail with conflicts.
  default_transaction_isolation: 'read committed',
  // Waiting is not an error: a lock may be held for minutes, and the connection of a session lock has nothing to say.
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  idle_session_timeout: '0',
  transaction_timeout: '0',
};

/** Leaves out what the server does not know: `transaction_timeout` is new in Postgres 17. */
export const APPLY_SETTINGS = `
SELECT set_config(name, value, false)
FROM (VALUES ${Object.entries(SETTINGS)
  .map(([name, value]) => `('${name}', '${value}')`)
  .join(', ')}) AS setting (name, value)
WHERE current_setting(name, true) IS NOT NULL`;
