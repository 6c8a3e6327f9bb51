import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import { usageError } from '../runtime/errors.ts';

/** The user_ids in a file, one per line; `-` is standard input. Empty lines are skipped. */
export async function readUserIds(file: string): Promise<readonly string[]> {
  const userIds = (await contentOf(file))
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .filter((line) => line !== '');
  if (userIds.length === 0) throw usageError(`--user-file ${file} contains no user_id; write one per line`);
  return userIds;
}

async function contentOf(file: string): Promise<string> {
  try {
    return await (file === '-' ? text(process.stdin) : readFile(file, 'utf8'));
  } catch (error) {
    throw usageError(`cannot read --user-file ${file} (${(error as NodeJS.ErrnoException).code}); check the path`);
  }
}
