import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseUuid, readUuid, Uuid } from '../../src/activity/uuid.ts';

const words = fc.tuple(...([0, 1, 2, 3].map(() => fc.integer()) as [fc.Arbitrary<number>, ...fc.Arbitrary<number>[]]));

describe('a UUID', () => {
  it('is equal to its text in any case and to its bytes', () => {
    fc.assert(
      fc.property(words, ([a = 0, b = 0, c = 0, d = 0]) => {
        const text = new Uuid(a, b, c, d).toString();
        const bytes = Buffer.alloc(16);
        [a, b, c, d].forEach((word, at) => {
          bytes.writeInt32BE(word, 4 * at);
        });
        expect(text.replaceAll('-', '')).toBe(bytes.toString('hex'));
        expect(parseUuid(text)).toEqual(new Uuid(a, b, c, d));
        expect(parseUuid(text.toUpperCase())).toEqual(new Uuid(a, b, c, d));
        expect(readUuid(Buffer.from(`..${text}`), 2)).toEqual(new Uuid(a, b, c, d));
      }),
    );
  });

  it('is read from bytes only in lower case, so that its text equals these bytes', () => {
    expect(readUuid(Buffer.from('0195d2a0-abcd-7000-8000-00000000000F'), 0)).toBeUndefined();
  });

  it('is not read if one character is wrong or the text is too short', () => {
    const text = '0195d2a0-abcd-7000-8000-00000000000f';
    for (let at = 0; at < text.length; at++) {
      for (const other of ['g', '`', '/', ':', '@', 'G', ' ', '\0', '\u0130', 'ſ', text[at] === '-' ? '0' : '-']) {
        const spoilt = text.slice(0, at) + other + text.slice(at + 1);
        expect(parseUuid(spoilt)).toBeUndefined();
        expect(readUuid(Buffer.from(spoilt), 0)).toBeUndefined();
      }
    }
    for (let length = 0; length < text.length; length++) {
      expect(readUuid(Buffer.from(text.slice(0, length)), 0)).toBeUndefined();
      expect(parseUuid(text.slice(0, length))).toBeUndefined();
    }
  });
});
