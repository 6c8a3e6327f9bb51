import type { Command } from 'commander';
import type { Instant } from '../activity/instant.ts';
import { openKafka, withSlotDatabase } from '../cli/connections.ts';
import { readInstant } from '../cli/flag-values.ts';
import { type CommandContext, EXIT, type OutputFlags, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import { usageError } from '../runtime/errors.ts';
import { withOwnTables } from '../setup/wiring.ts';
import { freshError, freshJson, freshPage } from './fresh-page.ts';
import { reportFreshness } from './report-pipeline.ts';
import { freshnessDeps } from './wiring.ts';

interface Flags extends OutputFlags {
  readonly asOf?: Instant;
  readonly wait: string;
}

export function addFresh(program: Command): void {
  program
    .command('fresh')
    .description('print per source up to when all changes are proven to be applied, and what is missing')
    .option('--as-of <instant>', 'what was committed until then must be applied (default: now)', readInstant)
    .option('--wait <duration>', 'longest wait until it is proven, such as 30s or 10m', '5s')
    .option('--json', 'print one JSON object')
    .option(...PRINT_CONFIG)
    .addHelpText(
      'after',
      `
The proof of a sweep, as a gate for other programs. It changes nothing. Exit code 0: all sources are proven. Exit
code 75: one is not; each reason is a line on standard error. If nothing is written at the source, the proof takes as
long as the connector's heartbeat.interval.ms and offset.flush.interval.ms.

Examples:
  lastseen fresh
  lastseen fresh --as-of 2026-03-16T05:00:00Z --wait 10m --json`,
    )
    .action((flags: Flags) =>
      runCommand({
        name: 'fresh',
        needs: ['postgres', 'kafka'],
        flags: { WAIT_FRESH: flags.wait },
        printConfig: flags.printConfig,
        work: (context) => run(context, flags),
      }),
    );
}

function run(context: CommandContext, flags: Flags): Promise<number> {
  const present = context.now();
  const asOf = flags.asOf ?? present;
  if (asOf > present) throw usageError('--as-of is in the future; give an instant that has passed');
  // One retry: the proof itself repeats what fails, until the wait is over.
  const kafka = openKafka(context, 1);
  return withOwnTables(context, (database) =>
    withSlotDatabase(context, database, async (slotDatabase) => {
      const report = await reportFreshness(freshnessDeps(context, { database, slotDatabase }, kafka), asOf);
      context.print(flags.json ? freshJson(report) : freshPage(report));
      const error = freshError(report);
      if (error !== undefined) throw error;
      return EXIT.done;
    }),
  );
}
