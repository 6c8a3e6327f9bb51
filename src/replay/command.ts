import type { Command } from 'commander';
import { withSlotDatabase } from '../cli/connections.ts';
import { readInstant } from '../cli/flag-values.ts';
import { type CommandContext, EXIT, type OutputFlags, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import { withOwnTables } from '../setup/wiring.ts';
import { runReplay } from './pipeline.ts';
import { type ReplayFlags, replayPlan } from './plan.ts';
import { replayJson, replayPage } from './replay-page.ts';
import { replayDeps } from './wiring.ts';

interface Flags extends ReplayFlags, OutputFlags {
  readonly threshold?: string;
  readonly lookback?: string;
}

/** Another use of the topics' history, under the same command: the backtest, which must not be imported here. */
interface ReplayMode {
  addOptions(command: Command): Command;
  isRequested(flags: Flags): boolean;
  run(context: CommandContext, flags: Flags): Promise<number>;
}

export function addReplay(program: Command, backtest: ReplayMode): void {
  const command = program
    .command('replay')
    .description('read the source topics again up to an end, while track runs; emits events only with --emit')
    .option('--from <instant|earliest>', 'first record to read, by Kafka record time', readFrom)
    .option('--to <instant>', 'first record not to read, by Kafka record time (default: current end)', readInstant)
    .option('--topic <name...>', 'only these sources or topics (default: all)')
    .option('--rebuild', 'rebuild last seen from all records of the topics; this also lowers instants')
    .option('--snapshot', 'request an incremental snapshot of the source tables from Debezium, and read it')
    .option('--emit', 'emit the returns that are found (default: the next sweep does)')
    .option('--restart', 'start again instead of resuming an interrupted replay');
  backtest
    .addOptions(command)
    .option('--json', 'print the result as JSON')
    .option(...PRINT_CONFIG)
    .addHelpText(
      'after',
      `
After an interruption, the same command resumes the replay. Examples:
  lastseen replay --from 2026-03-15T05:00:00Z
  lastseen replay --from earliest --to 2026-03-01T00:00:00Z --topic session
  lastseen replay --rebuild
  lastseen replay --rebuild --snapshot
  lastseen replay --sweep-from 2026-03-01 --sweep-to 2026-03-31 --threshold 10 --out events.jsonl`,
    )
    .action((flags: Flags) =>
      runCommand({
        name: 'replay',
        needs: ['postgres', 'kafka', 'registry'],
        flags: { INACTIVITY_THRESHOLD_DAYS: flags.threshold, KPI_LOOKBACK_DAYS: flags.lookback },
        printConfig: flags.printConfig,
        work: (context) => (backtest.isRequested(flags) ? backtest.run(context, flags) : replay(context, flags)),
      }),
    );
}

function replay(context: CommandContext, flags: Flags): Promise<number> {
  const plan = replayPlan(context.settings, flags);
  return withOwnTables(context, (database) =>
    withSlotDatabase(context, database, async (slotDatabase) => {
      const outcome = await runReplay(replayDeps(context, { database, slotDatabase }, plan), plan);
      context.logResult({ event: 'replay_completed', digest: outcome.digest }, 'replay completed');
      context.print(flags.json ? replayJson(outcome) : replayPage(outcome));
      return EXIT.done;
    }),
  );
}

function readFrom(text: string): bigint | 'earliest' {
  return text === 'earliest' ? text : readInstant(text);
}
