import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { STAGES } from '../faults/stages.ts';

const page = readFileSync(new URL('../../docs/reliability.md', import.meta.url), 'utf8');

describe('the page on reliability', () => {
  it('names every fault with what is done, in their order', () => {
    const rows = STAGES.flatMap(({ faults }) => faults).map(({ name, about }) => `| \`${name}\` | ${about} |`);
    expect(page.split('\n').filter((line) => line.startsWith('| `'))).toEqual(rows);
  });
});
