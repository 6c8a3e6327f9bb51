import type { Command } from 'commander';
import { formatInstant } from '../activity/instant.ts';
import { csvOption, type ListFlags, openCsv } from '../cli/csv.ts';
import { readRunId } from '../cli/flag-values.ts';
import { EXIT, type OutputFlags, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import { json, readableInstant, table } from '../cli/tables.ts';
import { WAIT_FRESH } from '../freshness/wiring.ts';
import { listRuns, type SweepRun } from '../history/sweep-runs-store.ts';
import { withOwnTables } from '../setup/wiring.ts';
import { approve, discard } from './pipeline.ts';
import { approvedPage } from './sweep-page.ts';
import { withSweepDeps } from './wiring.ts';

const SHOWN = 20;

/** `sweep runs`, `sweep approve` and `sweep discard`. */
export function addSweepRuns(sweep: Command): void {
  sweep
    .command('runs')
    .description(`list the newest ${SHOWN} runs`)
    .option('--json', 'print JSON, one run per line')
    .addOption(csvOption('one run per line'))
    .option(...PRINT_CONFIG)
    .action((flags: ListFlags) =>
      runCommand({
        name: 'sweep runs',
        needs: ['postgres'],
        printConfig: flags.printConfig,
        work: (context) =>
          withOwnTables(context, async (database) => {
            const runs = await listRuns(database, SHOWN);
            if (flags.json) for (const run of runs) context.print(json(describe(run)));
            else if (flags.csv) runs.map(record).forEach(openCsv(context, COLUMNS));
            else context.print(page(runs));
            return EXIT.done;
          }),
      }),
    );
  addApprove(sweep);
  addDiscard(sweep);
}

function addApprove(sweep: Command): void {
  sweep
    .command('approve')
    .description('emit the events of a held run, for learners who are still silent')
    .argument('<run>', 'a held run', readRunId)
    .option(...WAIT_FRESH)
    .option('--force', 'skip the proof that the table is fresh; the run is recorded as forced')
    .option('--json', 'print JSON')
    .option(...PRINT_CONFIG)
    .action((runId: string, flags: OutputFlags & { waitFresh?: string; force?: true }) =>
      runCommand({
        name: 'sweep approve',
        needs: ['postgres', 'kafka', 'registry'],
        flags: { WAIT_FRESH: flags.waitFresh },
        printConfig: flags.printConfig,
        work: (context) =>
          withOwnTables(context, async (database) => {
            const force = flags.force === true;
            const outcome = await withSweepDeps(context, database, force, (deps) => approve(deps, runId));
            context.logResult({ event: 'sweep_approved', ...outcome }, 'sweep approved');
            context.print(flags.json ? json(outcome) : approvedPage(outcome));
            return EXIT.done;
          }),
      }),
    );
}

function addDiscard(sweep: Command): void {
  sweep
    .command('discard')
    .description('drop a held run; none of its events are emitted')
    .argument('<run>', 'a held run', readRunId)
    .option('--json', 'print JSON')
    .option(...PRINT_CONFIG)
    .action((runId: string, flags: OutputFlags) =>
      runCommand({
        name: 'sweep discard',
        needs: ['postgres'],
        printConfig: flags.printConfig,
        work: (context) =>
          withOwnTables(context, async (database) => {
            await discard(database, runId);
            context.logResult({ event: 'sweep_discarded', runId }, 'sweep discarded');
            context.print(flags.json ? json({ status: 'discarded', runId }) : `discarded ${runId}`);
            return EXIT.done;
          }),
      }),
    );
}

function describe(run: SweepRun) {
  return {
    ...run,
    as_of: formatInstant(run.as_of),
    started_at: formatInstant(run.started_at),
    finished_at: run.finished_at === null ? null : formatInstant(run.finished_at),
  };
}

const COLUMNS = [
  'run_id', 'status', 'as_of', 'thresholds', 'lookback_days', 'row_limit', 'forced', 'active', 'inactive', 'crossed',
  'ongoing', 'returned', 'verified', 'returned_candidates', 'contradicted', 'crossing', 'crossing_limit', 'held_because',
  'failure', 'started_at', 'finished_at',
] as const; // biome-ignore format: names of one kind

function record(run: SweepRun) {
  return { ...describe(run), thresholds: run.thresholds.join(' ') };
}

function page(runs: readonly SweepRun[]): string {
  return table(
    ['run', 'started', 'as of', 'days', 'status', 'crossed', 'ongoing', 'returned', 'note'],
    runs.map((run) => [
      run.run_id,
      readableInstant(run.started_at),
      readableInstant(run.as_of),
      run.thresholds.join(','),
      run.status,
      run.crossed ?? '',
      run.ongoing ?? '',
      run.returned ?? '',
      note(run),
    ]),
  );
}

function note(run: SweepRun): string {
  const notes = [
    run.forced && 'forced',
    run.row_limit !== null && `limit ${run.row_limit}`,
    run.held_because,
    run.failure?.replace(/\n.*/s, ''),
  ];
  return notes.filter(Boolean).join('; ');
}
