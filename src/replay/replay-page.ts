import { SOURCES } from '../activity/source.ts';
import { json, table } from '../cli/tables.ts';
import type { TableDigest } from '../last-seen/digest-store.ts';
import { outcomeRows } from '../track/outcome-counts.ts';
import type { Corrections } from './rebuild-store.ts';
import type { ReplayTotals } from './totals.ts';

export interface ReplayOutcome extends ReplayTotals, TableDigest {
  /** Only of a rebuild. */
  readonly corrections: Corrections | undefined;
}

export function replayJson(outcome: ReplayOutcome): string {
  return json({ records: countRecords(outcome), deadLetters: countRecords(outcome, 'dead letter'), ...outcome });
}

export function replayPage(outcome: ReplayOutcome): string {
  const { counts, corrections, returned, learners, digest } = outcome;
  const letters = countRecords(outcome, 'dead letter');
  return [
    table(['source', 'outcome', 'records'], outcomeRows(counts)),
    '',
    ...(corrections === undefined ? raisedLines(outcome) : correctedLines(corrections)),
    ...(letters === 0
      ? []
      : [
          `${letters} records cannot be applied and were left out; \`lastseen dlq list --topic track\` has those that track wrote`,
        ]),
    ...(returned === 0 ? [] : [`${returned} learners returned`]),
    `${countRecords(outcome)} records read; last seen of ${learners} learners, digest ${digest}`,
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

/** @param outcome the beginning of the outcomes to count. */
function countRecords({ counts }: ReplayTotals, outcome = ''): number {
  return outcomeRows(counts).reduce((sum, [, name, records]) => sum + (name.startsWith(outcome) ? records : 0), 0);
}
