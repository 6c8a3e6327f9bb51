import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { smallerUserId, studentIdOf } from '../../src/activity/learner.ts';
import { parseUuid } from '../../src/activity/uuid.ts';

describe("a learner's key", () => {
  it('is the user id itself in lower case, if that is a UUID', () => {
    expect(studentIdOf('0195D2A0-AbCd-7000-8000-00000000000F')).toBe('0195d2a0-abcd-7000-8000-00000000000f');
  });

  it('is the md5 of any other user id, as Postgres casts it', () => {
    // select md5('user-1')::uuid
    expect(studentIdOf('user-1')).toBe('d6d77053-92bc-7af6-3332-8bea8c4c6904');
  });

  it.each([
    '{0195d2a0-abcd-7000-8000-00000000000f}',
    '0195d2a0abcd7000800000000000000f',
    ' 0195d2a0-abcd-7000-8000-00000000000f',
  ])('does not accept another form of a UUID: %s', (text) => {
    expect(parseUuid(text)).toBeUndefined();
    expect(studentIdOf(text).replaceAll('-', '')).toBe(createHash('md5').update(text).digest('hex'));
  });

  it('belongs to the spelling that Postgres sorts first with COLLATE "C"', () => {
    const bytes = (text: string) => Buffer.from(text);
    // The first and last characters of one to four bytes in UTF-8, and of one or two units in UTF-16.
    const unit = fc.constantFrom(
      'a',
      'b',
      '\x7f',
      '\x80',
      '\u07ff',
      '\u0800',
      '\ud7ff',
      '\ue000',
      '\uffff',
      '\u{10000}',
      '\u{10ffff}',
    );
    const wellFormed = fc.string({ unit });
    fc.assert(
      fc.property(wellFormed, wellFormed, (a, b) => {
        expect(smallerUserId(a, b)).toBe(Buffer.compare(bytes(a), bytes(b)) <= 0 ? a : b);
      }),
    );
    expect(smallerUserId('\u{1f600}', '\uffee')).toBe('\uffee');
  });

  it('belongs to the known name if the other is unknown', () => {
    expect(smallerUserId(null, 'z')).toBe('z');
    expect(smallerUserId('z', null)).toBe('z');
    expect(smallerUserId(null, null)).toBeNull();
  });
});
