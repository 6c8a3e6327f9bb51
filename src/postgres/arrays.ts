/**
 * A Postgres array literal of values that need no quoting. The driver's own serializer inspects every element and takes
 * several times as long.
 */
export function arrayLiteral(values: readonly (bigint | number | string | null)[]): string {
  return `{${values.map((value) => value ?? 'NULL').join(',')}}`;
}
