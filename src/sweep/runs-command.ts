import { type Command, InvalidArgumentError } from 'commander';
import { validate as isUuid } from 'uuid';
import { formatInstant } from '../activity/instant.ts';
import { forPeople } from '../cli/dates.ts';
import { EXIT, runCommand } from '../cli/run-command.ts';
import { json, table } from '../cli/tables.ts';
import { listRuns, type SweepRun } from '../history/sweep-runs-store.ts';
import { withOwnTables } from '../setup/own-tables-wiring.ts';
import { approve, discard } from './pipeline.ts';
import { countRows } from './sweep-page.ts';
import { withDetector } from './wiring.ts';

const SHOWN = 20;
const PRINT_CONFIG = 'print the effective configuration and end';

interface Flags {
  readonly json?: true;
  readonly printConfig?: true;
}

/** `sweep runs`, `sweep approve` and `sweep discard`. */
export function addSweepRuns(sweep: Command): void {
  sweep
    .command('runs')
    .description(`list the newest ${SHOWN} runs`)
    .option('--json', 'print JSON, one run a line')
    .option('--print-config', PRINT_CONFIG)
    .action((flags: Flags) =>
      runCommand({
        name: 'sweep runs',
        needs: ['postgres'],
        printConfig: flags.printConfig,
        work: (context) =>
          withOwnTables(context, async (database) => {
            const runs = await listRuns(database, SHOWN);
            if (flags.json) for (const run of runs) context.print(json(describe(run)));
            else context.print(page(runs));
            return EXIT.done;
          }),
      }),
    );
  addDecisions(sweep);
}

function addDecisions(sweep: Command): void {
  sweep
    .command('approve')
    .description('emit what a held run was to emit, for those who are still silent')
    .argument('<run>', 'a held run', readRun)
    .option('--wait-fresh <duration>', 'longest wait for what was committed at the source to be applied (WAIT_FRESH)')
    .option('--force', 'do not ask whether the table is fresh; recorded on the run')
    .option('--json', 'print JSON')
    .option('--print-config', PRINT_CONFIG)
    .action((runId: string, flags: Flags & { waitFresh?: string; force?: true }) =>
      runCommand({
        name: 'sweep approve',
        needs: ['postgres', 'kafka', 'registry'],
        flags: { WAIT_FRESH: flags.waitFresh },
        printConfig: flags.printConfig,
        work: (context) =>
          withOwnTables(context, async (database) => {
            const outcome = await withDetector(context, database, flags.force === true, (deps) => approve(deps, runId));
            context.log.info({ event: 'sweep_approved', ...outcome }, 'sweep approved');
            context.print(
              flags.json
                ? json(outcome)
                : table(
                    ['run', runId],
                    [...countRows(outcome), ['events published', outcome.published ?? 'another relay is at work']],
                  ),
            );
            return EXIT.done;
          }),
      }),
    );
  sweep
    .command('discard')
    .description('let a held run be; nothing of it is emitted')
    .argument('<run>', 'a held run', readRun)
    .option('--json', 'print JSON')
    .option('--print-config', PRINT_CONFIG)
    .action((runId: string, flags: Flags) =>
      runCommand({
        name: 'sweep discard',
        needs: ['postgres'],
        printConfig: flags.printConfig,
        work: (context) =>
          withOwnTables(context, async (database) => {
            await discard(database, runId);
            context.log.info({ event: 'sweep_discarded', runId }, 'sweep discarded');
            if (flags.json) context.print(json({ status: 'discarded', runId }));
            return EXIT.done;
          }),
      }),
    );
}

function readRun(text: string): string {
  if (!isUuid(text)) throw new InvalidArgumentError('It must be a run of `lastseen sweep runs`.');
  return text.toLowerCase();
}

function describe(run: SweepRun) {
  return {
    ...run,
    as_of: formatInstant(run.as_of),
    started_at: formatInstant(run.started_at),
    finished_at: run.finished_at === null ? null : formatInstant(run.finished_at),
  };
}

function page(runs: readonly SweepRun[]): string {
  return table(
    ['run', 'started', 'as of', 'days', 'status', 'crossed', 'ongoing', 'returned', 'note'],
    runs.map((run) => [
      run.run_id,
      forPeople(run.started_at),
      forPeople(run.as_of),
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
    ...(run.forced ? ['forced'] : []),
    ...(run.row_limit === null ? [] : [`limit ${run.row_limit}`]),
    ...(run.held_because === null ? [] : [run.held_because]),
    ...(run.failure === null ? [] : [run.failure.split('\n')[0] ?? '']),
  ];
  return notes.join('; ');
}
