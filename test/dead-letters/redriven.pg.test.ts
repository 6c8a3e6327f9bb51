import { afterAll, beforeAll, expect, it } from 'vitest';
import { countRedriven, markRedriven } from '../../src/dead-letters/redriven-store.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());

it('counts the letters that were sent back and that their topic still keeps', async () => {
  const letter = (partition: number, offset: bigint) => ({ topic: 't', partition, offset, writtenAt: 1n });
  await markRedriven(db.database, [letter(0, 1n), letter(0, 2n), letter(0, 9n), letter(1, 5n), letter(2, 0n)]);
  const kept = (partition: number, firstOffset: bigint, endOffset: bigint) => ({
    topic: 't',
    partition,
    firstOffset,
    endOffset,
  });
  expect(await countRedriven(db.database, [kept(0, 2n, 9n), kept(1, 0n, 6n)])).toBe(2n);
  expect(await countRedriven(db.database, [])).toBe(0n);
});
