import { formatInstant, type Instant } from '../activity/instant.ts';
import { forPeople } from '../cli/dates.ts';
import { json, table } from '../cli/tables.ts';
import { AUDITED } from '../history/audit-counts.ts';
import type { AuditRun } from '../history/audit-runs-store.ts';
import type { AuditOutcome, Sample } from './pipeline.ts';

/** What an audit found, for people. */
export function auditPage(outcome: AuditOutcome): string {
  const { counts, samples } = outcome;
  const parts = [
    table(
      ['as of', forPeople(outcome.snapshotAt)],
      [
        ['the source’s position', outcome.position],
        ['learners', outcome.learners],
        ['  missing or behind', outcome.drifting],
        ['  raised', outcome.raised],
        ['  set back', outcome.setBack],
        ['  deleted', outcome.deleted],
        ['  ahead, but moved meanwhile', outcome.moved],
        ['gaps in what was read, closed', outcome.gapsClosed],
        ['audit', outcome.runId],
      ],
    ),
    table(
      ['last seen by', 'missing', 'behind', 'equal', 'ahead'],
      AUDITED.flatMap((of) => {
        const count = counts[of];
        return count === undefined ? [] : [[of, count.missing, count.behind, count.equal, count.ahead]];
      }),
    ),
  ];
  if (samples.length > 0) {
    parts.push(
      table(
        ['student_id', 'of', 'is', 'table', 'sources'],
        inOrder(samples).map(({ studentId, of, standing, stored, known }) => [
          studentId,
          of,
          standing,
          said(stored) ?? '–',
          said(known) ?? '–',
        ]),
      ),
    );
  }
  return parts.join('\n\n');
}

export function auditJson({
  runId,
  snapshotAt,
  position,
  setBack,
  gapsClosed,
  samples,
  ...rest
}: AuditOutcome): string {
  return json({
    run_id: runId,
    snapshot_at: formatInstant(snapshotAt),
    snapshot_lsn: position,
    ...rest,
    set_back: setBack,
    gaps_closed: gapsClosed,
    samples: inOrder(samples).map(({ studentId, of, standing, stored, known }) => ({
      student_id: studentId,
      of,
      standing,
      table: said(stored),
      sources: said(known),
    })),
  });
}

/** Of one source together, the first of each difference in a row. */
function inOrder(samples: readonly Sample[]): readonly Sample[] {
  const place = ({ of, standing }: Sample) => AUDITED.indexOf(of) * 3 + PLACES[standing];
  return samples.toSorted((a, b) => place(a) - place(b));
}

const PLACES = { missing: 0, behind: 1, ahead: 2 } as const;

function said(value: Instant | string | null): string | null {
  return typeof value === 'bigint' ? formatInstant(value) : value;
}

export function auditRunsPage(runs: readonly AuditRun[]): string {
  return table(
    ['started', 'status', 'repair', 'learners', 'missing or behind', 'raised', 'set back', 'deleted', 'audit', 'why'],
    runs.map((run) => [
      forPeople(run.started_at),
      run.status,
      run.repair,
      run.learners ?? '–',
      run.drifting ?? '–',
      run.raised ?? '–',
      run.set_back ?? '–',
      run.deleted ?? '–',
      run.run_id,
      run.failure?.split('\n')[0] ?? '',
    ]),
  );
}

export function auditRunJson(run: AuditRun): string {
  const at = (instant: Instant | null) => (instant === null ? null : formatInstant(instant));
  return json({
    ...run,
    snapshot_at: at(run.snapshot_at),
    started_at: at(run.started_at),
    finished_at: at(run.finished_at),
  });
}
