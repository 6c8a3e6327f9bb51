import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startStack } from '../../stack/stack.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'lastseen-test-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

it('refuses a run directory with files of others, because it is removed at the end', async () => {
  const file = join(directory, 'mine');
  writeFileSync(file, 'kept');
  await expect(startStack({ parts: ['postgres'], runDir: directory })).rejects.toThrow(
    /is not empty, .* name a new one/,
  );
  await expect(startStack({ parts: ['postgres'], runDir: join(file, 'sub') })).rejects.toThrow(
    /^cannot use the run directory: ENOTDIR/,
  );
  expect(readFileSync(file, 'utf8')).toBe('kept');
});
