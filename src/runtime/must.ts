/**
 * The value, which cannot be missing here.
 *
 * @param why names the invariant, for the error.
 * @throws Error if it is null or undefined: a bug, so it is not retriable and ends the process.
 */
export function must<T>(value: T | null | undefined, why: string): T {
  if (value === null || value === undefined) throw new Error(`missing value: ${why}`);
  return value;
}

/**
 * The only element of a list, such as the row of a statement that returns exactly one.
 *
 * @throws Error if there is none, or more than one.
 */
export function single<T>(values: readonly T[], why: string): T {
  const [first] = values;
  if (values.length !== 1 || first === undefined) throw new Error(`expected one value, got ${values.length}: ${why}`);
  return first;
}
