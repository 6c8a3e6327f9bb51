import process from 'node:process';
import Table from 'cli-table3';
import { DateTime } from 'luxon';
import type { Instant } from '../activity/instant.ts';
import { must } from '../runtime/must.ts';
import { printable, printableJson } from '../runtime/printable.ts';
import { snakeKeys } from '../runtime/snake-keys.ts';

type Cell = string | number | bigint;

/**
 * A table for people: two blanks between columns, no frame, no colours. If the terminal is too narrow for most lines,
 * each cell gets its own line, after the name of its column. A cell cannot break its line or control the terminal.
 */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[], width = terminalWidth()): string {
  const lines = aligned(head, rows);
  const tooLong = lines.filter((line) => line.length > width).length;
  if (head.length < 3 || tooLong <= lines.length / 2) return lines.join('\n');
  return rows
    .map((row) =>
      aligned(
        [],
        head.map((name, at) => [name, must(row[at], 'a row has a cell per column')]),
      ).join('\n'),
    )
    .join('\n\n');
}

function aligned(head: readonly string[], rows: readonly (readonly Cell[])[]): readonly string[] {
  const display = new Table({
    head: head.map(printable),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    chars: Object.fromEntries(FRAME.map((part) => [part, ''])),
  });
  display.push(...rows.map((row) => row.map(cellText)));
  return display
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
}

function cellText(cell: Cell): string {
  return printable(String(cell));
}

function terminalWidth(): number {
  // Some terminals report 0 columns.
  return (process.stdout.isTTY && process.stdout.columns) || Number.POSITIVE_INFINITY;
}

const FRAME = [
  'top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right',
  'left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle',
] as const; // biome-ignore format: names of one kind

/** An instant for people, to the second: `Mon 16 Mar 2026, 05:00:00 UTC`. */
export function readableInstant(instant: Instant): string {
  return DateTime.fromMillis(Number(instant / 1000n), { zone: 'utc', locale: 'en' }).toFormat(
    "ccc d LLL yyyy, HH:mm:ss 'UTC'",
  );
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** A size for people: `1.2 GB`, in powers of 1,000. */
export function readableBytes(bytes: number): string {
  const unit = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const value = bytes / 1_000 ** unit;
  return `${value.toFixed(unit === 0 || value >= 100 ? 0 : 1)} ${UNITS[unit]}`;
}

/**
 * JSON on one line, keys in snake_case. Bigints are numbers if they are exact as numbers, else text. Unprintable characters
 * are escaped, so a reader of the JSON gets the exact text and a terminal is safe.
 */
export function json(value: unknown): string {
  const text = JSON.stringify(snakeKeys(value), (_key, item) =>
    typeof item === 'bigint' ? (Number.isSafeInteger(Number(item)) ? Number(item) : String(item)) : item,
  );
  return printableJson(text);
}
