const DECIMAL = /^\s*([+-]?)(?=\.?\d)0*(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?\s*$/;

/**
 * The finite double in decimal text (blanks around it, a sign, a point, an exponent); null if it is not one:
 * '', 'NaN', 'Infinity', '0x10', '1e999'.
 */
export function numberOf(text: string): number | null {
  if (!DECIMAL.test(text)) return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

/**
 * 1,000 times the number in decimal text, rounded half away from zero as Postgres' `round(numeric)` does.
 * The digits are shifted, not a double multiplied: 1.0005 is 1001, while `1.0005 * 1000` falls short of 1000.5. Null
 * if the text is not a number, or the result is too large for a double.
 */
export function thousandfoldRounded(text: string): number | null {
  const match = DECIMAL.exec(text);
  if (match === null) return null;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent) + 3;
  if (point < 0 || /^0*$/.test(digits)) return 0;
  if (point > MOST_PLACES) return null;
  const kept = BigInt(digits.slice(0, point).padEnd(point, '0'));
  const rounded = Number((digits[point] ?? '0') >= '5' ? kept + 1n : kept);
  if (!Number.isFinite(rounded)) return null;
  return sign === '-' && rounded !== 0 ? -rounded : rounded;
}

/** Digits before the point that may still make a double, leading zeros of a fraction included. */
const MOST_PLACES = 400;

/**
 * {@link thousandfoldRounded} of a number, exact for its shortest text. Most are far enough from a half
 * for doubles to round them right, many times faster.
 */
export function thousandfoldRoundedNumber(value: number): number | null {
  const product = value * 1000;
  const fromHalf = Math.abs(Math.abs(product % 1) - 0.5);
  // Below 2³¹ a product is off by less than 2⁻²²; so is the double of a decimal, times 1,000. `|| 0` makes −0 a 0.
  if (Math.abs(product) < 2 ** 31 && fromHalf > 1e-3) return Math.round(product) || 0;
  return thousandfoldRounded(String(value));
}
