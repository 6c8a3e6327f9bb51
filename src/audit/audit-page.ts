import { formatInstant, type Instant } from '../activity/instant.ts';
import { openCsv } from '../cli/csv.ts';
import type { CommandContext } from '../cli/run-command.ts';
import { json, readableInstant, table } from '../cli/tables.ts';
import { AUDITED_FIELDS, COMPARISONS } from '../history/audit-counts.ts';
import type { AuditRun } from '../history/audit-runs-store.ts';
import type { AuditOutcome } from './pipeline.ts';
import type { Sample } from './tally.ts';

export function auditPage(outcome: AuditOutcome): string {
  const { counts, samples } = outcome;
  const parts = [
    table(
      ['as of', readableInstant(outcome.snapshotAt)],
      [
        ['WAL position of the source', outcome.snapshotLsn],
        ['learners', outcome.learners],
        ['  missing or behind', outcome.drifting],
        ['  raised', outcome.raised],
        ['  lowered', outcome.lowered],
        ['  deleted', outcome.deleted],
        ['  ahead, but changed during the audit', outcome.conflicts],
        ['gaps in the topics, closed', outcome.gapsClosed],
        ['breaks of capture, closed', outcome.breaksClosed],
        ['audit', outcome.runId],
      ],
    ),
    table(
      ['last seen by', 'missing', 'behind', 'equal', 'ahead'],
      AUDITED_FIELDS.flatMap((field) => {
        const count = counts[field];
        return count === undefined ? [] : [[field, count.missing, count.behind, count.equal, count.ahead]];
      }),
    ),
  ];
  if (samples.length > 0) {
    parts.push(
      table(
        ['student_id', 'field', 'comparison', 'table', 'sources'],
        listSamples(samples).map((each) => Object.values(each).map((value) => value ?? '–')),
      ),
    );
  }
  return parts.join('\n\n');
}

export function auditJson({ snapshotAt, samples, ...rest }: AuditOutcome): string {
  return json({ snapshotAt: formatInstant(snapshotAt), ...rest, samples: listSamples(samples) });
}

/** By field, then missing before behind before ahead. */
function listSamples(samples: readonly Sample[]) {
  const rank = ({ field, comparison }: Sample) =>
    AUDITED_FIELDS.indexOf(field) * COMPARISONS.length + COMPARISONS.indexOf(comparison);
  return samples
    .toSorted((a, b) => rank(a) - rank(b))
    .map(({ studentId, field, comparison, stored, expected }) => ({
      studentId,
      field,
      comparison,
      table: formatValue(stored),
      sources: formatValue(expected),
    }));
}

/** The shown learners; the counts are in the log and in the JSON. */
export function writeSamples(context: Pick<CommandContext, 'write'>, { samples }: AuditOutcome): void {
  listSamples(samples).forEach(openCsv(context, ['studentId', 'field', 'comparison', 'table', 'sources']));
}

function formatValue(value: Instant | string | null): string | null {
  return typeof value === 'bigint' ? formatInstant(value) : value;
}

export function auditRunsPage(runs: readonly AuditRun[]): string {
  return table(
    ['started', 'status', 'repair', 'learners', 'missing or behind', 'raised', 'lowered', 'deleted', 'audit', 'why'],
    runs.map((run) => [
      readableInstant(run.started_at),
      run.status,
      run.repair,
      run.learners ?? '–',
      run.drifting ?? '–',
      run.raised ?? '–',
      run.lowered ?? '–',
      run.deleted ?? '–',
      run.run_id,
      run.failure?.split('\n')[0] ?? '',
    ]),
  );
}

export function auditRunJson(run: AuditRun): string {
  return json(describe(run));
}

function describe(run: AuditRun) {
  const at = (instant: Instant | null) => (instant === null ? null : formatInstant(instant));
  return {
    ...run,
    snapshot_at: at(run.snapshot_at),
    started_at: at(run.started_at),
    finished_at: at(run.finished_at),
  };
}

export function writeAuditRuns(context: Pick<CommandContext, 'write'>, runs: readonly AuditRun[]): void {
  const add = openCsv(context, RUN_COLUMNS);
  for (const run of runs) add({ ...describe(run), sources: run.sources.join(' ') });
}

const RUN_COLUMNS = [
  'run_id', 'status', 'sources', 'repair', 'snapshot_at', 'snapshot_lsn', 'learners', 'drifting', 'raised', 'lowered',
  'deleted', 'conflicts', 'failure', 'started_at', 'finished_at',
] as const; // biome-ignore format: names of one kind
