/**
 * Whether the JSON text of `exam_results.result_json` is an object whose `questions` is an array with at least one element.
 * Scans the top level only up to that member and builds no objects: the column may have megabytes, and Postgres has
 * already validated the JSON. Text that is not JSON up to there has no questions.
 */
export function hasQuestions(text: string): boolean {
  let at = skipBlanks(text, 0);
  if (text[at] !== '{') return false;
  do {
    const key = skipBlanks(text, at + 1);
    if (text[key] !== '"') return false;
    const keyEnd = endOfString(text, key);
    const colon = skipBlanks(text, keyEnd);
    if (text[colon] !== ':') return false;
    const value = skipBlanks(text, colon + 1);
    if (keyIs(text.slice(key, keyEnd), 'questions')) {
      return text[value] === '[' && (text[skipBlanks(text, value + 1)] ?? ']') !== ']';
    }
    at = skipBlanks(text, endOfValue(text, value));
  } while (text[at] === ',');
  return false;
}

function keyIs(quoted: string, name: string): boolean {
  if (!quoted.includes('\\')) return quoted === `"${name}"`;
  try {
    return JSON.parse(quoted) === name;
  } catch {
    return false;
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The index after the value that starts at `at`; the text's length if the value does not end. */
function endOfValue(text: string, at: number): number {
  let depth = 0;
  let i = at;
  while (i < text.length) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      i = endOfString(text, i);
      if (depth === 0) return i;
      continue;
    }
    if (isOpening(code)) depth++;
    else if (isClosing(code)) {
      if (depth === 0) return i; // the end of the object around a number or a literal
      depth--;
      if (depth === 0) return i + 1;
    } else if (code === 0x2c && depth === 0) return i;
    i++;
  }
  return i;
}

function endOfString(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) return i + 1;
    if (code === BACKSLASH) i++;
  }
  return text.length;
}

function skipBlanks(text: string, at: number): number {
  let i = at;
  while (i < text.length && text.charCodeAt(i) <= 0x20) i++;
  return i;
}

const isOpening = (code: number) => code === 0x7b || code === 0x5b;
const isClosing = (code: number) => code === 0x7d || code === 0x5d;
