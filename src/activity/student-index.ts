import type { StudentId } from './activity.ts';

/** Student ids by number, as the 16 bytes they are. */
export interface StudentKeys {
  /** Four words of 32 bits an id, the most significant first. */
  readonly words: Uint32Array;
  textOf(number: number): StudentId;
}

/** Numbers student ids from 0 in the order in which they are first asked for. */
export interface StudentIndex extends StudentKeys {
  readonly size: number;
  /** How many there is room for; doubles when it is full. */
  readonly capacity: number;
  numberOf(studentId: StudentId): number;
  /** Forgets all, and keeps the room. */
  clear(): void;
}

const WORDS = 4;
const FIRST_CAPACITY = 64;

/** Chosen anew by each process, so that nobody can name ids that all meet in one place. */
const [SPREAD_0 = 1, SPREAD_1 = 1, SPREAD_2 = 1, SPREAD_3 = 1] = crypto
  .getRandomValues(new Uint32Array(WORDS))
  .map((word) => word | 1);

/** An open hash table over flat arrays: looking an id up touches two places in memory and creates nothing. */
export function createStudentIndex(): StudentIndex {
  let size = 0;
  let words = new Uint32Array(WORDS * FIRST_CAPACITY);
  /** One more than the number of the id that lies here; half of them at least are 0, for none. */
  let places = new Uint32Array(2 * FIRST_CAPACITY);

  function grow(): void {
    const larger = new Uint32Array(2 * words.length);
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

  function numberOf(studentId: StudentId): number {
    const first = wordOf(studentId, 0, 4);
    const second = wordOf(studentId, 9, 14);
    const third = wordOf(studentId, 19, 24);
    const fourth = wordOf(studentId, 28, 32);
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
      const hex = (word: number) => (words[WORDS * number + word] ?? 0).toString(16).padStart(8, '0');
      const [a, b, c, d] = [hex(0), hex(1), hex(2), hex(3)];
      return `${a}-${b.slice(0, 4)}-${b.slice(4)}-${c.slice(0, 4)}-${c.slice(4)}${d}` as StudentId;
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

/** What a character code counts as a hexadecimal digit in lower case. */
const DIGIT = Uint8Array.from({ length: 128 }, (_, code) =>
  Math.max(0, '0123456789abcdef'.indexOf(String.fromCharCode(code))),
);

/** The 32 bits that four digits here and four there spell. */
function wordOf(text: string, high: number, low: number): number {
  return ((quarter(text, high) << 16) | quarter(text, low)) >>> 0;
}

function quarter(text: string, at: number): number {
  return (digit(text, at) << 12) | (digit(text, at + 1) << 8) | (digit(text, at + 2) << 4) | digit(text, at + 3);
}

function digit(text: string, at: number): number {
  return DIGIT[text.charCodeAt(at)] ?? 0;
}
