import { Option } from 'commander';
import { printableLines } from '../runtime/printable.ts';
import { snakeCase } from '../runtime/snake-keys.ts';
import type { OutputFlags } from './run-command.ts';

export interface ListFlags extends OutputFlags {
  readonly csv?: true;
}

/** @param what the records, e.g. `one run per line` */
export function csvOption(what: string): Option {
  return new Option('--csv', `print CSV (RFC 4180), ${what}`).conflicts('json');
}

type CsvCell = string | number | bigint | boolean | null | undefined;

/**
 * Writes the header, and returns what writes a record: RFC 4180, in UTF-8, with the keys of the JSON as names. What is
 * null or missing is an empty cell. As in tables, unprintable characters are escaped, so that a terminal is safe.
 */
export function openCsv<Column extends string>(
  { write }: { write(bytes: Buffer): void },
  columns: readonly Column[],
): (record: Readonly<Partial<Record<Column, CsvCell>>>) => void {
  const line = (cells: readonly CsvCell[]) => write(Buffer.from(`${cells.map(field).join(',')}\r\n`));
  line(columns.map(snakeCase));
  return (record) => line(columns.map((column) => record[column]));
}

function field(cell: CsvCell): string {
  if (typeof cell !== 'string') return String(cell ?? '');
  const text = printableLines(STARTS_FORMULA.test(cell) ? `'${cell}` : cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * Text from outside, such as a learner's id, that a spreadsheet would run as a formula (OWASP, CSV injection). It gets an
 * apostrophe in front, which the spreadsheet reads as "this is text"; `--json` has the exact text. Numbers stay as they are.
 */
const STARTS_FORMULA = /^[=+\-@\t\r\n＝＋－＠]/;
