/** The length of a UUID's text: 8-4-4-4-12 hexadecimal digits. */
export const UUID_TEXT_BYTES = 36;

/** A UUID as four signed words of 32 bits, the most significant first, so that no text is built for one that is only passed on. */
export class Uuid {
  readonly first: number;
  readonly second: number;
  readonly third: number;
  readonly fourth: number;

  constructor(first: number, second: number, third: number, fourth: number) {
    this.first = first;
    this.second = second;
    this.third = third;
    this.fourth = fourth;
  }

  /** Canonical text, in lower case. */
  toString(): string {
    const hex = (word: number) => (word >>> 0).toString(16).padStart(8, '0');
    const [b, c] = [hex(this.second), hex(this.third)];
    return `${hex(this.first)}-${b.slice(0, 4)}-${b.slice(4)}-${c.slice(0, 4)}-${c.slice(4)}${hex(this.fourth)}`;
  }
}

/** The value of a byte as a hexadecimal digit; -1 if it is not a digit. */
const LOWER_CASE = Int8Array.from({ length: 256 }, (_, byte) => '0123456789abcdef'.indexOf(String.fromCharCode(byte)));
const ANY_CASE = Int8Array.from({ length: 256 }, (_, byte) => LOWER_CASE[byte | (byte > 64 ? 32 : 0)] ?? -1);

/** The UUID whose canonical lower-case text starts at `at`; undefined if there is none. */
export function readUuid(bytes: Uint8Array, at: number): Uuid | undefined {
  return read(bytes, at, LOWER_CASE);
}

const scratch = new Uint8Array(UUID_TEXT_BYTES);

/** The UUID of a canonical 8-4-4-4-12 text in any case. */
export function parseUuid(text: string): Uuid | undefined {
  if (text.length !== UUID_TEXT_BYTES) return undefined;
  for (let at = 0; at < UUID_TEXT_BYTES; at++) {
    const code = text.charCodeAt(at);
    if (code > 127) return undefined;
    scratch[at] = code;
  }
  return read(scratch, 0, ANY_CASE);
}

const DASH = 45;

function read(bytes: Uint8Array, at: number, digits: Int8Array): Uuid | undefined {
  if (bytes[at + 8] !== DASH || bytes[at + 13] !== DASH || bytes[at + 18] !== DASH || bytes[at + 23] !== DASH) {
    return undefined;
  }
  const a = quarter(bytes, at, digits);
  const b = quarter(bytes, at + 4, digits);
  const c = quarter(bytes, at + 9, digits);
  const d = quarter(bytes, at + 14, digits);
  const e = quarter(bytes, at + 19, digits);
  const f = quarter(bytes, at + 24, digits);
  const g = quarter(bytes, at + 28, digits);
  const h = quarter(bytes, at + 32, digits);
  if ((a | b | c | d | e | f | g | h) < 0) return undefined;
  return new Uuid((a << 16) | b, (c << 16) | d, (e << 16) | f, (g << 16) | h);
}

/** The 16 bits of four digits; negative if one is not a digit. */
function quarter(bytes: Uint8Array, at: number, digits: Int8Array): number {
  return (
    (digit(bytes[at], digits) << 12) |
    (digit(bytes[at + 1], digits) << 8) |
    (digit(bytes[at + 2], digits) << 4) |
    digit(bytes[at + 3], digits)
  );
}

const digit = (byte: number | undefined, digits: Int8Array) => digits[byte ?? 0] ?? -1;
