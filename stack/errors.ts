import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** An error that the operator can fix. Its message is one line with the problem and what to do, then the end of a log, if any. */
export class StackError extends Error {
  override readonly name = 'StackError';
}

const TAIL_BYTES = 16_384;

/** The last lines of a log, indented, or an empty string when there is none. */
export function tailOf(logFile: string, lines = 15): string {
  let text: string;
  try {
    const file = openSync(logFile, 'r');
    try {
      const size = fstatSync(file).size;
      const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
      readSync(file, buffer, 0, buffer.length, size - buffer.length);
      text = buffer.toString('utf8');
    } finally {
      closeSync(file);
    }
  } catch {
    return '';
  }
  return text
    .trimEnd()
    .split('\n')
    .slice(-lines)
    .map((line) => `\n    ${line}`)
    .join('');
}
