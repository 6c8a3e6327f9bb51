import { hash } from 'node:crypto';
import type { StudentId } from './activity.ts';
import { parseUuid, Uuid } from './uuid.ts';

/**
 * An id without trailing blanks: Postgres pads a `char(n)` with them and ignores them when it compares. A record does not
 * say the type of its column, so they are part of no id, in code as in SQL ({@link unpaddedSql}).
 */
export function unpadded(id: string): string {
  let end = id.length;
  while (end > 0 && id.charCodeAt(end - 1) === BLANK) end--;
  return end === id.length ? id : id.slice(0, end);
}

const BLANK = 32;

/** SQL: {@link unpadded} of a column of any type. */
export function unpaddedSql(column: string): string {
  return `rtrim(${column}::text, ' ')`;
}

/**
 * The key of a learner in every source: the user id itself if it is a UUID in 8-4-4-4-12 text of any case, otherwise the 16
 * bytes of the md5 of its UTF-8 text (no version or variant bits are set). In Postgres: {@link learnerKeySql}.
 */
export function learnerKeyOf(userId: string): Uuid {
  const id = unpadded(userId);
  const own = parseUuid(id);
  if (own !== undefined) return own;
  const md5 = hash('md5', id, 'buffer');
  return new Uuid(md5.readInt32BE(0), md5.readInt32BE(4), md5.readInt32BE(8), md5.readInt32BE(12));
}

/** SQL: whether text is a UUID by the rule of {@link learnerKeyOf}. Postgres itself reads more spellings. */
export function isUuidSql(text: string): string {
  return `${text} COLLATE "C" ~ '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$'`;
}

/** SQL: {@link learnerKeyOf} of an unpadded user id. `md5` of text would depend on the encoding of the database. */
export function learnerKeySql(userId: string): string {
  return `CASE WHEN ${isUuidSql(userId)} THEN ${userId} ELSE md5(convert_to(${userId}, 'UTF8')) END::uuid`;
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

/** The order of two texts by their UTF-8 bytes. */
export function compareUtf8(a: string, b: string): number {
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
