import { hash } from 'node:crypto';
import type { StudentId } from './activity.ts';

const UUID_LENGTH = 36;
const DASH = 45;
const LOWER = 1;
const UPPER = 2;

/** How a character code is written as a hexadecimal digit: in lower case (digits too), in upper case, or not at all. */
const CASE = Uint8Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  if (/[0-9a-f]/.test(character)) return LOWER;
  return /[A-F]/.test(character) ? UPPER : 0;
});

/** The text as a learner's key, if it is a UUID in canonical 8-4-4-4-12 text of any case. */
export function parseStudentId(text: string): StudentId | undefined {
  if (text.length !== UUID_LENGTH) return undefined;
  let cases = 0;
  for (let at = 0; at < UUID_LENGTH; at++) {
    const code = text.charCodeAt(at);
    if (at === 8 || at === 13 || at === 18 || at === 23) {
      if (code !== DASH) return undefined;
    } else {
      const written = CASE[code] ?? 0;
      if (written === 0) return undefined;
      cases |= written;
    }
  }
  return ((cases & UPPER) === 0 ? text : text.toLowerCase()) as StudentId;
}

/**
 * The key under which a learner's activity of every source meets: the user id itself where it is a UUID, else the 16
 * bytes of the md5 of its UTF-8 text (Postgres: `md5(user_id)::uuid`; no version or variant bits are set).
 */
export function studentIdOf(userId: string): StudentId {
  const own = parseStudentId(userId);
  if (own !== undefined) return own;
  const hex = hash('md5', userId, 'hex');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
  return parts.join('-') as StudentId;
}

/**
 * Of two spellings of one learner the smaller by UTF-8 bytes (Postgres: `COLLATE "C"`), so that the order in which
 * they come does not matter. `null` stands for an unknown name and gives way to any.
 */
export function smallerUserId(a: string | null, b: string | null): string | null {
  if (a === null || b === null) return a ?? b;
  return compareUtf8(a, b) <= 0 ? a : b;
}

function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) return utf8Rank(left) - utf8Rank(right);
  }
  return a.length - b.length;
}

/** UTF-16 puts the surrogates below U+E000 to U+FFFF, UTF-8 puts the characters they stand for above. */
function utf8Rank(codeUnit: number): number {
  if (codeUnit < 0xd800) return codeUnit;
  return codeUnit < 0xe000 ? codeUnit + 0x2000 : codeUnit - 0x800;
}
