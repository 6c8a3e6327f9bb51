/**
 * Text from outside, such as a learner's id, must not control a terminal. Escaped are control characters (so escape
 * sequences too), characters without a width such as direction marks, other line ends, and lone surrogates.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const UNPRINTABLE_IN_LINES = /[^\P{Cc}\n\t]|[\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** One cell or line: unprintable characters are shown as `\u{…}`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escapeCharacter);
}

/** The same for a page: its line ends and tabs stay. */
export function printableLines(text: string): string {
  return text.replace(UNPRINTABLE_IN_LINES, escapeCharacter);
}

/** JSON text with the same value: unprintable characters within it become JSON's own escapes, line ends stay. */
export function printableJson(text: string): string {
  return text.replace(UNPRINTABLE_IN_LINES, jsonEscape);
}

/** JSON that any encoding of a database can store. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[\u0080-\uffff]/g, jsonEscape);
}

/** JSON has one escape per UTF-16 unit. */
function jsonEscape(character: string): string {
  const units = Array.from({ length: character.length }, (_, at) => character.charCodeAt(at));
  return units.map((unit) => `\\u${hex(unit).padStart(4, '0')}`).join('');
}

function escapeCharacter(character: string): string {
  return `\\u{${hex(character.codePointAt(0) ?? 0)}}`;
}

const hex = (code: number) => code.toString(16);
