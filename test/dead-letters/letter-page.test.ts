import { describe, expect, it } from 'vitest';
import { contentText } from '../../src/dead-letters/letter-page.ts';

describe('the content of a letter', () => {
  it('is shown as text if it is UTF-8, and cut if it is long, even within a character', () => {
    expect(contentText(Buffer.from('{"ä": 1}\n'), 100)).toBe('{"ä": 1}\n');
    expect(contentText(Buffer.from('aä'), 2)).toBe('a\n… 1 bytes more');
  });

  it('is shown as a hex dump otherwise', () => {
    expect(contentText(Buffer.from([0, 1, 0x41, 0xff]), 100)).toBe(
      '00000000  00 01 41 ff                                      ..A.',
    );
    expect(contentText(Buffer.alloc(40), 33).split('\n')).toHaveLength(4);
  });

  it('cannot control the terminal', () => {
    expect(contentText(Buffer.from('a\u001b[2Jb'), 100)).toMatch(/^00000000 {2}61 1b/);
    expect(contentText(Buffer.from('a\rb\u202ec'), 100)).toBe('a\\u{d}b\\u{202e}c');
  });
});
