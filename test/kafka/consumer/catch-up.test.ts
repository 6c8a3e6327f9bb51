import { describe, expect, it } from 'vitest';
import { createCatchUp } from '../../../src/kafka/consumer/catch-up.ts';

const at = (nextOffset: bigint, partition = 0) => ({ topic: 't', partition, nextOffset });

describe('catching up', () => {
  it('is done where every partition is at the end it had, and counts what is left of it', () => {
    const catchUp = createCatchUp([{ ...at(10n), firstOffset: 2n }, at(5n, 1)], [at(5n, 1)]);
    expect(catchUp).toMatchObject({ total: 8, read: 0, reached: false });
    catchUp.advance([at(9n)]);
    expect(catchUp).toMatchObject({ read: 7, reached: false });
    catchUp.advance([at(12n), at(3n)]);
    expect(catchUp).toMatchObject({ read: 8, reached: true });
  });

  it('does not wait for what is not due, but for all before it', () => {
    const catchUp = createCatchUp([{ ...at(10n), firstOffset: 2n }], []);
    catchUp.endAt(at(6n));
    catchUp.advance([at(5n)]);
    expect(catchUp.reached).toBe(false);
    catchUp.advance([at(6n)]);
    expect(catchUp.reached).toBe(true);
  });

  it('is done at once where the first record is not due', () => {
    const catchUp = createCatchUp([{ ...at(10n), firstOffset: 2n }], []);
    catchUp.endAt(at(2n));
    expect(catchUp.reached).toBe(true);
    catchUp.endAt(at(20n));
    expect(catchUp.reached).toBe(true);
  });
});
