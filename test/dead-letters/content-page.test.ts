import { describe, expect, it } from 'vitest';
import { json } from '../../src/cli/tables.ts';
import { contentText, decodedText, decodingJson } from '../../src/dead-letters/content-page.ts';

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

describe('a decoded value', () => {
  const bytes = Buffer.from([0, 0, 0, 0, 7, 2, 1]);
  const decoding = {
    format: 'avro',
    schema: { id: 7, name: 'p.Envelope' },
    value: { before: null, after: { user_id: 'anna', tags: ['x'], none: [] }, at: 9n },
    stop: undefined,
  } as const;
  const stop = { byte: 5, field: 'after.user_id', why: 'the body ends too early' };

  it('is a table of its fields', () => {
    expect(decodedText(bytes, decoding, 100).split('\n')).toEqual([
      'Avro of schema 7 (p.Envelope)',
      'field          value',
      'before         null',
      'after.user_id  anna',
      'after.tags.0   x',
      'after.none     []',
      'at             9',
    ]);
  });

  it('has the position at which decoding stops, and the bytes', () => {
    const text = decodedText(bytes, { ...decoding, stop }, 100);
    expect(text).toContain(
      'stops at byte 5 (hex 5) of 7, in the field after.user_id: the body ends too early\n00000000  00',
    );
    const json = { format: 'json', value: null, stop: { byte: 1, field: undefined, why: 'w' } } as const;
    expect(decodedText(Buffer.from('{'), json, 100)).toMatch(/^decoding stops at byte 1 .*: w\n\{$/);
  });

  it('is its text if it is JSON, and its bytes with the reason if it could not be decoded', () => {
    const json = { format: 'json', value: {}, stop: undefined } as const;
    expect(decodedText(Buffer.from('{"a":1}'), json, 100)).toBe('{"a":1}');
    expect(decodedText(Buffer.from('x'), { format: 'not tried', why: 'no registry' }, 100)).toBe(
      'not decoded: no registry\nx',
    );
  });

  it('has fields that are cut if they are long', () => {
    expect(decodedText(bytes, { ...decoding, value: { a: 'x'.repeat(50) } }, 10)).toMatch(/^a +x{10}…$/m);
  });

  it('is JSON with the field names of the record', () => {
    expect(JSON.parse(json(decodingJson({ ...decoding, value: { userId: 1 }, stop })))).toEqual({
      format: 'avro',
      schema_id: 7,
      schema_name: 'p.Envelope',
      fields: { userId: 1 },
      stop,
    });
  });
});
