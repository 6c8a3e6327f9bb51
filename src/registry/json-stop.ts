import type { Stop } from './inspect-avro.ts';

interface Scan {
  readonly text: string;
  at: number;
  /** The names of the members that are being read, from the outermost. */
  readonly path: string[];
}

/**
 * Where a text that `JSON.parse` refuses stops to be JSON. The errors of `JSON.parse` quote the text, and have no position
 * for some mistakes.
 */
export function jsonStop(text: string): Stop | undefined {
  const scan: Scan = { text, at: 0, path: [] };
  try {
    skipValue(scan);
    skipBlanks(scan);
    return scan.at === text.length ? undefined : fail(scan, 'the end of the text');
  } catch (error) {
    const why = error instanceof Mismatch ? error.message : 'the value is nested too deeply';
    return { byte: Buffer.byteLength(text.slice(0, scan.at)), field: scan.path.join('.') || undefined, why };
  }
}

class Mismatch extends Error {}

function fail({ text, at }: Scan, expected: string): never {
  throw new Mismatch(at < text.length ? `${expected} is expected` : `${expected} is expected, but the text ends`);
}

function skipBlanks(scan: Scan): void {
  while (' \t\n\r'.includes(scan.text[scan.at] ?? 'end')) scan.at += 1;
}

const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

function skipValue(scan: Scan): void {
  skipBlanks(scan);
  const first = scan.text[scan.at];
  if (first === '"') readText(scan);
  else if (first === '{') skipMembers(scan, '}', () => readName(scan));
  else if (first === '[') skipMembers(scan, ']', String);
  else {
    SCALAR.lastIndex = scan.at;
    const scalar = SCALAR.exec(scan.text)?.[0] ?? fail(scan, 'a value');
    scan.at += scalar.length;
  }
}

/** The members of an object, or the items of an array. */
function skipMembers(scan: Scan, close: string, nameOf: (n: number) => string): void {
  scan.at += 1;
  skipBlanks(scan);
  for (let n = 0; scan.text[scan.at] !== close; n++) {
    if (n > 0) expectCharacter(scan, ',', `"," or "${close}"`);
    scan.path.push(nameOf(n));
    skipValue(scan);
    scan.path.pop();
    skipBlanks(scan);
  }
  scan.at += 1;
}

function readName(scan: Scan): string {
  skipBlanks(scan);
  if (scan.text[scan.at] !== '"') fail(scan, 'the name of a member');
  const name = readText(scan);
  expectCharacter(scan, ':', '":"');
  return name;
}

function expectCharacter(scan: Scan, character: string, expected: string): void {
  skipBlanks(scan);
  if (scan.text[scan.at] !== character) fail(scan, expected);
  scan.at += 1;
}

const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** The text between the quotes, as it is written. */
function readText(scan: Scan): string {
  const { text } = scan;
  const start = scan.at + 1;
  for (scan.at = start; text[scan.at] !== '"'; ) {
    const character = text[scan.at] ?? fail(scan, 'the end of a text');
    if (character < ' ') fail(scan, 'an escaped control character');
    if (character !== '\\') scan.at += 1;
    else {
      ESCAPE.lastIndex = scan.at;
      scan.at += ESCAPE.exec(text)?.[0].length ?? fail(scan, 'an escape sequence');
    }
  }
  scan.at += 1;
  return text.slice(start, scan.at - 1);
}
