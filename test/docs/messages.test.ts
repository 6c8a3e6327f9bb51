import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, ROOT), 'utf8');

/** All code, with strings that are joined by `+` as one string. */
const code = readdirSync(new URL('src/', ROOT), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => read(`src/${name}`))
  .join('\n')
  .replaceAll(/['`]\s*\+\s*['`]/g, '');

/** The reasons in the first column of the table. */
const reasons = [...read('docs/operations/sweeps.md').matchAll(/^\| ([^|]*\S) \| .* \|$/gm)]
  .map(([, reason = '']) => reason)
  .filter((reason) => reason.includes('…') || reason.startsWith('*source*'));

it('the page on sweeps has a table of reasons', () => {
  expect(reasons.length).toBeGreaterThan(8);
});

it.each(reasons)('the page on sweeps quotes a reason that the code gives: %s', (reason) => {
  const parts = reason.split(/\*source\*:|…| \/ /).map((part) => part.trim());
  expect(parts.filter((part) => part.length > 1 && !code.includes(part))).toEqual([]);
});
