import { SOURCES } from '../activity/source.ts';
import { json, table } from '../cli/tables.ts';
import type { TableDigest } from '../last-seen/digest-store.ts';
import { outcomeRows } from '../track/track-page.ts';
import type { Corrections } from './rebuild-store.ts';
import type { ReplayTotals } from './totals.ts';

export interface ReplayOutcome extends ReplayTotals, TableDigest {
  /** Only of a rebuild. */
  readonly corrections: Corrections | undefined;
}

export function replayJson(outcome: ReplayOutcome): string {
  return json({ records: recordsOf(outcome), deadLetters: deadLettersOf(outcome), ...outcome });
}

export function replayPage(outcome: ReplayOutcome): string {
  const { counts, corrections, returned, learners, digest } = outcome;
  const letters = deadLettersOf(outcome);
  return [
    table(['source', 'outcome', 'records'], outcomeRows(counts)),
    '',
    ...(corrections === undefined ? raisedLines(outcome) : correctedLines(corrections)),
    ...(letters === 0 ? [] : [`${letters} records cannot be applied; \`track\` has sent them to the dead letters`]),
    ...(returned === 0 ? [] : [`${returned} learners returned`]),
    `${recordsOf(outcome)} records read; last seen of ${learners} learners, digest ${digest}`,
  ].join('\n');
}

function raisedLines({ raised, rowsChanged }: ReplayTotals): string[] {
  return [
    table(
      ['source', 'raised'],
      SOURCES.map((source) => [source, raised[source]]),
    ),
    '',
    `${rowsChanged} rows of last seen inserted or raised`,
  ];
}

function correctedLines({ raised, lowered, added, changed, removed }: Corrections): string[] {
  return [
    table(
      ['source', 'raised', 'lowered'],
      SOURCES.map((source) => [source, raised[source], lowered[source]]),
    ),
    '',
    `rows of last seen: ${added} added, ${changed} corrected, ${removed} removed`,
  ];
}

function recordsOf({ counts }: ReplayTotals): number {
  return outcomeRows(counts).reduce((sum, [, , records]) => sum + records, 0);
}

function deadLettersOf({ counts }: ReplayTotals): number {
  return outcomeRows(counts).reduce(
    (sum, [, name, records]) => sum + (name.startsWith('dead letter') ? records : 0),
    0,
  );
}
