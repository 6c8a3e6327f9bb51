import { must } from '../runtime/must.ts';

/*
 * A batch is sent as arrays: `FROM unnest($1::text[], ...) WITH ORDINALITY AS item (..., position)`. Its rows return the
 * position, from 1, as `position::int`.
 */
interface Positioned {
  readonly position: number;
}

/** The row of each item that has one, without the position. */
export function rowByItem<T, R extends Positioned>(
  items: readonly T[],
  rows: readonly R[],
): ReadonlyMap<T, Omit<R, 'position'>> {
  return new Map(rows.map(({ position, ...row }) => [itemAt(items, position), row]));
}

/** All rows of each item that has any, in their order. */
export function rowsByItem<T, R extends Positioned>(items: readonly T[], rows: readonly R[]): ReadonlyMap<T, R[]> {
  return Map.groupBy(rows, ({ position }) => itemAt(items, position));
}

function itemAt<T>(items: readonly T[], position: number): T {
  return must(items[position - 1], 'a row has the position of an item');
}
