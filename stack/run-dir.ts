import { mkdirSync, readdirSync } from 'node:fs';
import { StackError } from './errors.ts';

/**
 * Creates the directory that a person names for a run. It is removed at the end, so it must have no files of others.
 *
 * @throws StackError if it has some, or cannot be created
 */
export function createRunDir(path: string): string {
  let files: readonly string[];
  try {
    mkdirSync(path, { recursive: true });
    files = readdirSync(path);
  } catch (error) {
    throw new StackError(`cannot use the run directory: ${(error as Error).message}`);
  }
  if (files.length === 0) return path;
  throw new StackError(`the run directory ${path} is not empty, and it would be removed at the end: name a new one`);
}
