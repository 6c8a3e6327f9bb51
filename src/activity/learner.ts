import { hash } from 'node:crypto';
import type { StudentId } from './activity.ts';
import { parseUuid, Uuid } from './uuid.ts';

/**
 * The key of a learner in every source: the user id itself if it is a UUID, otherwise the 16 bytes of the md5 of its UTF-8
 * text (in Postgres: `md5(user_id)::uuid`; no version or variant bits are set).
 */
export function learnerKeyOf(userId: string): Uuid {
  const own = parseUuid(userId);
  if (own !== undefined) return own;
  const md5 = hash('md5', userId, 'buffer');
  return new Uuid(md5.readInt32BE(0), md5.readInt32BE(4), md5.readInt32BE(8), md5.readInt32BE(12));
}

/** {@link learnerKeyOf} as text. */
export function studentIdOf(userId: string): StudentId {
  return learnerKeyOf(userId).toString() as StudentId;
}

/**
 * The smaller of two spellings of a learner's name by UTF-8 bytes (in Postgres: `COLLATE "C"`), so that the order of
 * records does not matter. `null` is an unknown name, and any name replaces it.
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

/** UTF-16 sorts surrogates below U+E000 to U+FFFF; UTF-8 sorts the characters that they encode above. */
function utf8Rank(codeUnit: number): number {
  if (codeUnit < 0xd800) return codeUnit;
  return codeUnit < 0xe000 ? codeUnit + 0x2000 : codeUnit - 0x800;
}
