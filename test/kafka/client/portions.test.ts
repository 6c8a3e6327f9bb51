import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { portionEnd } from '../../../src/kafka/client/portions.ts';
import type { OutgoingRecord } from '../../../src/kafka/client/records.ts';

const record = (bytes: number): OutgoingRecord => ({ key: null, value: Buffer.alloc(bytes) });

function portionsOf(records: readonly OutgoingRecord[], maxBytes: number): OutgoingRecord[][] {
  const portions: OutgoingRecord[][] = [];
  for (let from = 0; from < records.length; ) {
    const end = portionEnd(records, from, maxBytes);
    portions.push(records.slice(from, end));
    from = end;
  }
  return portions;
}

describe('portions of records', () => {
  it('have every record once and in order, and at most maxBytes unless a single record is larger', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 3_000 })),
        fc.integer({ min: 1, max: 4_000 }),
        (sizes, maxBytes) => {
          const records = sizes.map(record);
          const portions = portionsOf(records, maxBytes);
          expect(portions.flat()).toEqual(records);
          for (const portion of portions) {
            const bytes = portion.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
            expect(portion.length === 1 || bytes <= maxBytes).toBe(true);
          }
        },
      ),
    );
  });

  it('are as large as maxBytes allows', () => {
    expect(
      portionsOf(
        Array.from({ length: 1_000 }, () => record(100)),
        1_000_000,
      ),
    ).toHaveLength(1);
  });

  it('count keys and headers', () => {
    const headers = { a: 'ä'.repeat(300), b: [Buffer.alloc(300), 'c'] };
    expect(portionsOf([{ key: 'k'.repeat(300), value: null, headers }, record(0)], 1_150)).toHaveLength(2);
  });
});
