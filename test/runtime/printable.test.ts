import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { json, table } from '../../src/cli/tables.ts';
import { printable, printableJson, printableLines } from '../../src/runtime/printable.ts';

const HOSTILE = 'a\u001b[2Jb\u202ec\u009bd\u2066e\u007ff\rg\u2028h\u{e0001}i\ud800';
const UNPRINTABLE = /[^\P{Cc}\n\t]|[\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((codes) => String.fromCharCode(...codes)),
  fc.constant(HOSTILE),
);

describe('text from outside on a terminal', () => {
  it('has its control characters, direction marks and line ends shown as escapes', () => {
    expect(printable('red\u001b[31m\u202e\n')).toBe('red\\u{1b}[31m\\u{202e}\\u{a}');
    expect(printableLines('one\u001b[2J\n\ttwo\r')).toBe('one\\u{1b}[2J\n\ttwo\\u{d}');
  });

  it('is unchanged if it is printable', () => {
    expect(printable('größe 学生 é👩🎓')).toBe('größe 学生 é👩🎓');
  });

  it('never controls it, for any text', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(printable(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
        expect(printableLines(text)).not.toMatch(UNPRINTABLE);
        expect(table([text, 'is'], [[text, 1]]).split('\n')).toHaveLength(2);
        expect(table([text, 'is'], [[text, 1]])).not.toMatch(UNPRINTABLE);
      }),
    );
  });

  it('in JSON keeps its exact value', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(json({ text })).not.toMatch(UNPRINTABLE);
        expect(JSON.parse(json({ text }))).toEqual({ text });
        expect(printableLines(json({ text }))).toBe(json({ text }));
        expect(printableJson(`${json({ text })}\n`)).toBe(`${json({ text })}\n`);
      }),
    );
  });
});
