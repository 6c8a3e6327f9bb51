const CAMEL_CASE = /^[a-z][a-z0-9]*(?:[A-Z][a-z0-9]*)+$/;

/**
 * A copy with every camelCase key, at any depth, in snake_case. Other keys are data, such as topic names, `P` or `I_t`,
 * and stay. Only arrays and plain objects are entered: an object with `toJSON` (see `keepKeys`) stays as it is.
 */
export function snakeKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeKeys);
  if (!isPlainObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [snakeCase(key), snakeKeys(item)]));
}

/** Protects stored data from `snakeKeys`: its keys are written unchanged. */
export function keepKeys(value: unknown): { toJSON(): unknown } {
  return { toJSON: () => value };
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** A name in snake_case if it is camelCase, else as it is. */
export function snakeCase(key: string): string {
  return CAMEL_CASE.test(key) ? key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : key;
}
