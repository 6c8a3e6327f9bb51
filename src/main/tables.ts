import Table from 'cli-table3';

/** A table for people: no frame, two blanks between columns. */
export function table(head: readonly string[], rows: readonly (readonly (string | number | bigint)[])[]): string {
  const display = new Table({
    head: [...head],
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    chars: Object.fromEntries(FRAME.map((part) => [part, ''])),
  });
  display.push(...rows.map((row) => row.map((cell) => (typeof cell === 'bigint' ? String(cell) : cell))));
  return display
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
}

const FRAME = [
  'top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right',
  'left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle',
] as const; // biome-ignore format: names of one kind

/** JSON with bigints as numbers where they are exact, else as text. */
export function json(value: unknown): string {
  return JSON.stringify(value, (_key, item) =>
    typeof item === 'bigint' ? (Number.isSafeInteger(Number(item)) ? Number(item) : String(item)) : item,
  );
}
