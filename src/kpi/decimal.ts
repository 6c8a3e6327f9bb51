const DECIMAL = /^\s*([+-]?)0*(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?\s*$/;

/**
 * The finite double that decimal text stands for (blanks around it, a sign, a point, an exponent); null where it is none:
 * '', 'NaN', 'Infinity', '0x10', '1e999'.
 */
export function numberOf(text: string): number | null {
  if (!DECIMAL.test(text) || !/\d/.test(text)) return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

/**
 * 1,000 times the number that decimal text stands for, rounded half away from zero as Postgres' `round(numeric)` does.
 * The digits are shifted, not a double multiplied: 1.0005 is 1001, while `1.0005 * 1000` falls short of 1000.5. Null
 * where the text is no number, or the result past what a double holds.
 */
export function thousandfoldRounded(text: string): number | null {
  const match = DECIMAL.exec(text);
  if (match === null || !/\d/.test(text)) return null;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const digits = whole + fraction;
  if (/^0*$/.test(digits)) return 0;
  const point = whole.length + Number(exponent) + 3;
  if (point < 0) return 0;
  if (point > MOST_PLACES) return null;
  const kept = BigInt(digits.slice(0, point).padEnd(point, '0'));
  const rounded = Number((digits[point] ?? '0') >= '5' ? kept + 1n : kept);
  if (!Number.isFinite(rounded)) return null;
  return sign === '-' && rounded !== 0 ? -rounded : rounded;
}

/** Digits before the point that may still make a double, leading zeros of a fraction included. */
const MOST_PLACES = 400;
