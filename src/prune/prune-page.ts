import { dateOf, formatInstant } from '../activity/instant.ts';
import { json, readableBytes, readableInstant, table } from '../cli/tables.ts';
import type { Pruned } from './pipeline.ts';

/** What went, or with `dryRun` would go, as a table for people. */
export function prunedPage({ floor, kinds }: Pruned, dryRun: boolean): string {
  const rows = kinds.map(({ kind, before, rows: count, bytes, table: name, tableBytes }) => [
    kind,
    before === null ? 'nothing is old enough' : readableInstant(before),
    count,
    readableBytes(bytes),
    `${name}, ${readableBytes(tableBytes)}`,
  ]);
  const head = ['kind', 'older than', dryRun ? 'rows to remove' : 'rows removed', 'size', 'of'];
  return [table(head, rows), '', floorLine(floor, dryRun), SPACE_LINE].join('\n');
}

const SPACE_LINE = 'Sizes include indexes. New rows use the space again; files do not become smaller.';

function floorLine(floor: Pruned['floor'], dryRun: boolean): string {
  if (floor === null) return 'No week is pruned yet.';
  return `Weeks before ${dateOf(floor)} ${dryRun ? 'would be' : 'are'} pruned: events of them are not answered any more.`;
}

export function prunedJson({ floor, kinds }: Pruned, dryRun: boolean): string {
  return json({
    dryRun,
    weekFloor: floor === null ? null : dateOf(floor),
    kinds: kinds.map(({ kind, table: name, before, ...counts }) => ({
      kind,
      table: name,
      before: before === null ? null : formatInstant(before),
      ...counts,
    })),
    rows: kinds.reduce((sum, { rows }) => sum + rows, 0n),
    bytes: kinds.reduce((sum, { bytes }) => sum + bytes, 0),
  });
}
