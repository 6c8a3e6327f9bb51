import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createRunDir } from '../../stack/run-dir.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'lastseen-test-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

it('is created, or may be empty', () => {
  const path = join(directory, 'a', 'b');
  expect([createRunDir(path), createRunDir(path)]).toEqual([path, path]);
  expect(existsSync(path)).toBe(true);
});

it('is refused with files of others, because it is removed at the end', () => {
  const file = join(directory, 'mine');
  writeFileSync(file, 'kept');
  expect(() => createRunDir(directory)).toThrow(/is not empty, .* name a new one/);
  expect(() => createRunDir(join(file, 'sub'))).toThrow(/^cannot use the run directory: ENOTDIR/);
  expect(readFileSync(file, 'utf8')).toBe('kept');
});
