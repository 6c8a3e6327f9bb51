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
  return text.replace(UNPRINTABLE_IN_LINES, (character) =>
    Array.from({ length: character.length }, (_, at) => `\\u${hex(character.charCodeAt(at)).padStart(4, '0')}`).join(
      '',
    ),
  );
}

function escapeCharacter(character: string): string {
  return `\\u{${hex(character.codePointAt(0) ?? 0)}}`;
}

const hex = (code: number) => code.toString(16);
