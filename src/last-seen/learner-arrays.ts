import { SOURCES, sqlPerSource } from '../activity/source.ts';
import { UUID_TEXT_BYTES } from '../activity/uuid.ts';
import {
  allocateArray,
  dataViewOf,
  HEADER_BYTES,
  INSTANT_BYTES,
  LENGTH_BYTES,
  NULL_LENGTH,
  TYPE_OID,
  UUID_BYTES,
  writeInstant,
} from '../postgres/arrays.ts';
import { type LearnerColumns, NEVER } from './fold.ts';

/**
 * Learners as binary Postgres arrays: `uuid[]`, `text[]`, and one `timestamptz[]` per source, in the order of
 * {@link SOURCES}. A source without any instant is an empty array: `unnest` pads it with nulls.
 */
export function learnerArrays(learners: LearnerColumns): readonly Buffer[] {
  return [
    studentIdArray(learners),
    userIdArray(learners),
    ...SOURCES.map((source) => timestamptzArray(learners.instants[source], learners.size)),
  ];
}

export const LEARNER_ARRAY_COUNT = 2 + SOURCES.length;

/** SQL: the parameters for {@link learnerArrays} without the first, which has the ids, from `$first`. */
export function rowParameters(first: number): string {
  return `$${first}::text[], ${sqlPerSource((_, index) => `$${first + 1 + index}::timestamptz[]`)}`;
}

export function studentIdArray({ size, studentIds: { words } }: LearnerColumns): Buffer {
  const array = allocateArray(TYPE_OID.uuid, size, size * (LENGTH_BYTES + UUID_BYTES));
  const view = dataViewOf(array);
  let at = HEADER_BYTES;
  for (let word = 0; word < 4 * size; word += 4) {
    view.setInt32(at, UUID_BYTES);
    view.setInt32(at + 4, words[word] ?? 0);
    view.setInt32(at + 8, words[word + 1] ?? 0);
    view.setInt32(at + 12, words[word + 2] ?? 0);
    view.setInt32(at + 16, words[word + 3] ?? 0);
    at += LENGTH_BYTES + UUID_BYTES;
  }
  return array;
}

/** @param instants one per learner, or undefined if no learner has one; {@link NEVER} becomes null. */
export function timestamptzArray(instants: BigInt64Array | undefined, size: number): Buffer {
  if (instants === undefined) return allocateArray(TYPE_OID.timestamptz, 0, 0);
  const array = allocateArray(TYPE_OID.timestamptz, size, size * (LENGTH_BYTES + INSTANT_BYTES));
  const view = dataViewOf(array);
  let at = HEADER_BYTES;
  for (let learner = 0; learner < size; learner++) {
    const instant = instants[learner] ?? NEVER;
    if (instant === NEVER) {
      view.setInt32(at, NULL_LENGTH);
      at += LENGTH_BYTES;
    } else {
      view.setInt32(at, INSTANT_BYTES);
      writeInstant(view, at + LENGTH_BYTES, instant);
      at += LENGTH_BYTES + INSTANT_BYTES;
    }
  }
  return array.subarray(0, at);
}

function userIdArray(learners: LearnerColumns): Buffer {
  const { size, studentIds } = learners;
  let bytes = 0;
  for (let learner = 0; learner < size; learner++) {
    const userId = learners.userId(learner);
    bytes += LENGTH_BYTES + (userId === undefined ? UUID_TEXT_BYTES : Buffer.byteLength(userId ?? ''));
  }
  const array = allocateArray(TYPE_OID.text, size, bytes);
  let at = HEADER_BYTES;
  for (let learner = 0; learner < size; learner++) {
    const userId = learners.userId(learner);
    if (userId === null) {
      at = array.writeInt32BE(NULL_LENGTH, at);
    } else if (userId === undefined) {
      at = array.writeInt32BE(UUID_TEXT_BYTES, at);
      at = writeUuid(array, at, studentIds.words, 4 * learner);
    } else {
      const length = array.write(userId, at + LENGTH_BYTES);
      at = array.writeInt32BE(length, at) + length;
    }
  }
  return array;
}

const DIGITS = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));
const DASH = 45;

/** Writes the canonical text of the id whose first word is at `first`. @returns the index after it. */
function writeUuid(array: Buffer, start: number, words: Int32Array, first: number): number {
  let at = start;
  for (let nibble = 0; nibble < 32; nibble++) {
    if (nibble === 8 || nibble === 12 || nibble === 16 || nibble === 20) array[at++] = DASH;
    const word = words[first + (nibble >>> 3)] ?? 0;
    array[at++] = DIGITS[(word >>> (28 - 4 * (nibble & 7))) & 15] ?? 0;
  }
  return at;
}
