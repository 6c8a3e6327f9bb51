import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');

it('the image, the npm script and the command start Node with the same flags', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: { lastseen: string } };
  const flags = scripts.lastseen.replace(/^node (.*) src\/cli\.ts$/, '$1');
  expect(flags).toMatch(/^--\S+( --\S+)*$/);
  expect(read('src/cli.ts').split('\n')[0]).toBe(`#!/usr/bin/env -S node ${flags}`);
  const quoted = ['node', ...flags.split(' '), '/app/dist/cli.js'].map((word) => JSON.stringify(word)).join(', ');
  expect(read('Dockerfile')).toContain(`\nENTRYPOINT [${quoted}]\n`);
});
