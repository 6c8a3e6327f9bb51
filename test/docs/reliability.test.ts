import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { STAGES } from '../faults/stages.ts';

const page = readFileSync(new URL('../../docs/reliability.md', import.meta.url), 'utf8');

describe('the page on reliability', () => {
  it('names every fault with what is done, in their order', () => {
    const rows = STAGES.flatMap(({ faults }) => faults).map(({ name, about }) => `| \`${name}\` | ${about} |`);
    expect(page.split('\n').filter((line) => line.startsWith('| `'))).toEqual(rows);
  });

  it('has a result of every fault, or says that it was not in the run', () => {
    const [, results = ''] = page.split('## A run of 50 times');
    const [, newer = ''] = /^Not in this run, because they are newer: (.*?)\. CI/ms.exec(results) ?? [];
    const named = [...results.matchAll(/^\| ([a-z-]+) \| \d/gm), ...newer.matchAll(/`([a-z-]+)`/g)].map(
      ([, name]) => name,
    );
    const names = STAGES.flatMap(({ faults }) => faults).map(({ name }) => name);
    expect(named.sort()).toEqual(names.sort());
  });
});
