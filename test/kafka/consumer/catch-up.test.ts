import { describe, expect, it } from 'vitest';
import { createCatchUp } from '../../../src/kafka/consumer/catch-up.ts';

const at = (nextOffset: bigint, partition = 0) => ({ topic: 't', partition, nextOffset });

describe('a catch-up', () => {
  it('is done when every partition has reached its end, and counts the records read', () => {
    const catchUp = createCatchUp([{ ...at(10n), firstOffset: 2n }, at(5n, 1)], [at(5n, 1)]);
    expect(catchUp).toMatchObject({ total: 8, read: 0, reached: false });
    catchUp.advance([at(9n)]);
    expect(catchUp).toMatchObject({ read: 7, reached: false });
    catchUp.advance([at(12n), at(3n)]);
    expect(catchUp).toMatchObject({ read: 8, reached: true });
  });

  it('waits for the records before a lowered end, not for those after it', () => {
    const catchUp = createCatchUp([{ ...at(10n), firstOffset: 2n }], []);
    catchUp.endAt(at(6n));
    catchUp.advance([at(5n)]);
    expect(catchUp.reached).toBe(false);
    catchUp.advance([at(6n)]);
    expect(catchUp.reached).toBe(true);
  });

  it('is done at once if the end is lowered to the first record', () => {
    const catchUp = createCatchUp([{ ...at(10n), firstOffset: 2n }], []);
    catchUp.endAt(at(2n));
    expect(catchUp.reached).toBe(true);
    catchUp.endAt(at(20n));
    expect(catchUp.reached).toBe(true);
  });
});
