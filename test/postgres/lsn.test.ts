import { expect, it } from 'vitest';
import type { Lsn } from '../../src/postgres/database.ts';
import { formatLsn, parseLsn } from '../../src/postgres/lsn.ts';

it.each([
  ['0/0', 0n],
  ['16/B374D848', 97500059720n],
  ['FFFFFFFF/FFFFFFFF', 0xffff_ffff_ffff_ffffn],
])('a position as Postgres writes it, %s, is the number %s', (text, position) => {
  expect(parseLsn(text as Lsn)).toBe(position);
  expect(formatLsn(position)).toBe(text);
});
