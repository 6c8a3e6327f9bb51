/**
 * Postgres array literals for values that need no quoting, built in one join: the driver's own serializer looks at
 * every element and costs several times as much.
 */
export function plainArray(values: readonly (bigint | number | string | null)[]): string {
  return `{${values.map((value) => value ?? 'NULL').join(',')}}`;
}
