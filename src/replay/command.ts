import type { Command } from 'commander';
import { asIfPage, asIfPlan, readDate, sweepAsIf } from '../backtest/command.ts';
import { readInstant } from '../cli/instant-flag.ts';
import { EXIT, runCommand } from '../cli/run-command.ts';
import { json } from '../cli/tables.ts';
import { withOwnTables } from '../setup/own-tables-wiring.ts';
import { type ReplayFlags, replayPlan } from './plan.ts';
import { replayJson, replayPage } from './replay-page.ts';
import { runReplay } from './run-pipeline.ts';

export function addReplay(program: Command): void {
  program
    .command('replay')
    .description('read the source topics again, once and bounded, beside a running track; emits nothing unless told to')
    .option('--from <instant|earliest>', 'from the first record of this time on (Kafka record time)', readFrom)
    .option('--to <instant>', 'up to the first record of this time (default: where the topics end now)', readInstant)
    .option('--topic <name...>', 'only these sources or topics (default: all)')
    .option('--rebuild', 'correct every row of last seen to what the topics tell, where it is too far ahead as well')
    .option('--snapshot', 'have Debezium write the rows of the source tables once more, and read these')
    .option('--emit', 'tell the returns that are found (default: the next sweep does)')
    .option('--restart', 'begin anew instead of going on where an interrupted replay was')
    .option('--sweep-from <date>', 'instead: sweep as if on past days, from this one on, 05:00 UTC each', readDate)
    .option('--sweep-to <date>', 'up to this one (default: that one day)', readDate)
    .option('--threshold <days[,days…]>', 'with these thresholds (INACTIVITY_THRESHOLD_DAYS)')
    .option('--lookback <days>', 'with this lookback (KPI_LOOKBACK_DAYS)')
    .option('--out <file>', 'write the events that would have been emitted to this file, one JSON object a line')
    .option('--out-topic <topic>', 'or to this topic, which must not be one in use')
    .option('--json', 'print the result as JSON')
    .option('--print-config', 'print the effective configuration and end')
    .addHelpText(
      'after',
      `
Interrupted, the same command goes on where it was. Examples:
  lastseen replay --from 2026-03-15T05:00:00Z
  lastseen replay --from earliest --to 2026-03-01T00:00:00Z --topic session
  lastseen replay --rebuild
  lastseen replay --rebuild --snapshot
  lastseen replay --sweep-from 2026-03-01 --sweep-to 2026-03-31 --threshold 10 --out events.jsonl`,
    )
    .action((flags: ReplayFlags) =>
      runCommand({
        name: 'replay',
        needs: ['postgres', 'kafka', 'registry'],
        flags: { INACTIVITY_THRESHOLD_DAYS: flags.threshold, KPI_LOOKBACK_DAYS: flags.lookback },
        printConfig: flags.printConfig,
        work: (context) => {
          if (flags.sweepFrom !== undefined || flags.sweepTo !== undefined) {
            const plan = asIfPlan(context, flags);
            return withOwnTables(context, async (database) => {
              const days = await sweepAsIf(context, database, plan, flags);
              context.print(flags.json ? json({ days }) : asIfPage(days));
              return EXIT.done;
            });
          }
          const plan = replayPlan(context.settings, flags);
          return withOwnTables(context, async (database) => {
            const outcome = await runReplay(context, database, plan);
            context.log.info({ event: 'replay_completed', digest: outcome.digest }, 'replay completed');
            context.print(flags.json ? replayJson(outcome) : replayPage(outcome));
            return EXIT.done;
          });
        },
      }),
    );
}

function readFrom(text: string): bigint | 'earliest' {
  return text === 'earliest' ? text : readInstant(text);
}
