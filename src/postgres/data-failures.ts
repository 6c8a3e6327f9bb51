import pg from 'pg';

/** 21 cardinality, 22 data, 23 integrity, 54 too large, P0 raised by a trigger: what some row's values bring about. */
const ABOUT_VALUES = /^(21|22|23|54|P0)/;

/**
 * Where a statement failed for the values of some row, and would have gone through without that row: one line for the
 * operator, without the message, which may quote the values. `undefined` for every other error: an outage, a missing
 * table or right fails whatever the rows are.
 */
export function dataFailure(error: unknown): string | undefined {
  if (!(error instanceof pg.DatabaseError) || error.code === undefined || !ABOUT_VALUES.test(error.code)) {
    return undefined;
  }
  const where = [error.table, error.column, error.constraint].filter((name) => name !== undefined);
  return [`SQLSTATE ${error.code}`, ...where].join(' ');
}
