import type { StudentId } from '../activity/activity.ts';
import { parseUuid, Uuid } from '../activity/uuid.ts';
import { must } from '../runtime/must.ts';

/** Student ids by number, 16 bytes each. */
export interface StudentKeys {
  /** Four signed words of 32 bits per id, the most significant first. */
  readonly words: Int32Array;
  textOf(number: number): StudentId;
}

/** Numbers student ids from 0, in the order of their first lookup. */
export interface StudentIndex extends StudentKeys {
  readonly size: number;
  /** How many ids fit before it grows; doubles then. */
  readonly capacity: number;
  numberOf(studentId: StudentId | Uuid): number;
  /** Removes all ids and keeps the memory. */
  clear(): void;
}

/** Words of 32 bits per id. */
export const WORDS = 4;
const FIRST_CAPACITY = 64;

/** Random per process, so that nobody can construct ids that collide. */
const [SPREAD_0 = 1, SPREAD_1 = 1, SPREAD_2 = 1, SPREAD_3 = 1] = crypto
  .getRandomValues(new Uint32Array(WORDS))
  .map((word) => word | 1);

/** An open-addressing hash table over flat arrays: a lookup reads two places in memory and allocates nothing. */
export function createStudentIndex(): StudentIndex {
  let size = 0;
  let words = new Int32Array(WORDS * FIRST_CAPACITY);
  /** The number of the id in this place plus one; 0 if empty. At least half of them are empty. */
  let places = new Uint32Array(2 * FIRST_CAPACITY);

  function grow(): void {
    const larger = new Int32Array(2 * words.length);
    larger.set(words);
    words = larger;
    places = new Uint32Array(2 * places.length);
    const mask = places.length - 1;
    for (let number = 0; number < size; number++) {
      const at = WORDS * number;
      let place = placeOf(words[at] ?? 0, words[at + 1] ?? 0, words[at + 2] ?? 0, words[at + 3] ?? 0) & mask;
      while (places[place] !== 0) place = (place + 1) & mask;
      places[place] = number + 1;
    }
  }

  function numberOf(studentId: StudentId | Uuid): number {
    const { first, second, third, fourth } =
      typeof studentId === 'string' ? must(parseUuid(studentId), 'a student id is a UUID') : studentId;
    const mask = places.length - 1;
    let place = placeOf(first, second, third, fourth) & mask;
    for (let found = places[place] ?? 0; found !== 0; found = places[place] ?? 0) {
      const at = WORDS * (found - 1);
      if (words[at] === first && words[at + 1] === second && words[at + 2] === third && words[at + 3] === fourth) {
        return found - 1;
      }
      place = (place + 1) & mask;
    }
    if (2 * size === places.length) {
      grow();
      return numberOf(studentId);
    }
    places[place] = size + 1;
    const at = WORDS * size;
    words[at] = first;
    words[at + 1] = second;
    words[at + 2] = third;
    words[at + 3] = fourth;
    return size++;
  }

  return {
    get size() {
      return size;
    },
    get capacity() {
      return words.length / WORDS;
    },
    get words() {
      return words;
    },
    numberOf,
    textOf(number) {
      const at = WORDS * number;
      const id = new Uuid(words[at] ?? 0, words[at + 1] ?? 0, words[at + 2] ?? 0, words[at + 3] ?? 0);
      return id.toString() as StudentId;
    },
    clear() {
      size = 0;
      places.fill(0);
    },
  };
}

function placeOf(first: number, second: number, third: number, fourth: number): number {
  const mixed =
    Math.imul(first, SPREAD_0) ^ Math.imul(second, SPREAD_1) ^ Math.imul(third, SPREAD_2) ^ Math.imul(fourth, SPREAD_3);
  const folded = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b_3c6d);
  return folded ^ (folded >>> 12);
}
