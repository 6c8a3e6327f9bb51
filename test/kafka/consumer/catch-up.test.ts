import { describe, expect, it } from 'vitest';
import { createCatchUp } from '../../../src/kafka/consumer/catch-up.ts';

const bounds = (firstOffset: bigint, endOffset: bigint, partition = 0) => ({
  topic: 't',
  partition,
  firstOffset,
  endOffset,
});
const at = (nextOffset: bigint, partition = 0) => ({ topic: 't', partition, nextOffset });

describe('a catch-up', () => {
  it('is done when every partition has reached its end, and counts the records read', () => {
    const catchUp = createCatchUp([bounds(2n, 10n), bounds(0n, 5n, 1)], [at(5n, 1)]);
    expect(catchUp).toMatchObject({ total: 8, read: 0, reached: false });
    catchUp.advance([at(9n)]);
    expect(catchUp).toMatchObject({ read: 7, reached: false });
    catchUp.advance([at(12n), at(3n)]);
    expect(catchUp).toMatchObject({ read: 8, reached: true });
  });

  it('waits for the records before a lowered end, not for those after it', () => {
    const catchUp = createCatchUp([bounds(2n, 10n)], []);
    catchUp.endAt(at(6n));
    catchUp.advance([at(5n)]);
    expect(catchUp.reached).toBe(false);
    catchUp.advance([at(6n)]);
    expect(catchUp.reached).toBe(true);
  });

  it('does not wait for records that retention has deleted', () => {
    expect(createCatchUp([bounds(9n, 9n)], [])).toMatchObject({ total: 0, reached: true });
    expect(createCatchUp([bounds(9n, 9n)], [at(4n)])).toMatchObject({ total: 0, reached: true });
  });

  it('is done at once if the end is lowered to the first record', () => {
    const catchUp = createCatchUp([bounds(2n, 10n)], []);
    catchUp.endAt(at(2n));
    expect(catchUp.reached).toBe(true);
    catchUp.endAt(at(20n));
    expect(catchUp.reached).toBe(true);
  });
});
