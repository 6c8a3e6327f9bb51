import { type Command, InvalidArgumentError } from 'commander';
import { v7 as uuidv7 } from 'uuid';
import type { Instant } from '../activity/instant.ts';
import { planMistake, type SweepPlan } from '../inactivity/plan.ts';
import { createKafka } from '../kafka/client.ts';
import { createProducer } from '../kafka/producer.ts';
import { createInactivityRelay } from '../pipelines/inactivity-relay.ts';
import { type SweepOutcome, sweep } from '../pipelines/sweep.ts';
import type { Database } from '../postgres/database.ts';
import type { Texts } from '../runtime/configuration.ts';
import { forPeople } from '../runtime/dates.ts';
import { LastseenError } from '../runtime/errors.ts';
import { brokers, withDatabase } from './connections.ts';
import { printDue } from './dry-run.ts';
import { inactivityCodec } from './event-codecs.ts';
import { readInstant } from './instants.ts';
import { type CommandContext, EXIT, runCommand } from './process.ts';
import { json, table } from './tables.ts';

interface Flags {
  readonly threshold?: string;
  readonly lookback?: string;
  readonly asOf?: Instant;
  readonly limit?: number;
  readonly dryRun?: true;
  readonly json?: true;
  readonly printConfig?: true;
}

export function addSweep(program: Command): void {
  program
    .command('sweep')
    .description('find who is inactive as of an instant and emit what is new: CROSSED once, ONGOING once a UTC day')
    .option(
      '--threshold <days[,days…]>',
      'days without activity after which a learner is inactive; several make a ladder',
    )
    .option('--lookback <days>', 'days after which silence is no longer interesting (KPI_LOOKBACK_DAYS)')
    .option('--as-of <instant>', 'decide for this instant, e.g. 2026-03-16T05:00:00Z (default: now)', readInstant)
    .option('--limit <n>', 'emit at most this many events', readLimit)
    .option('--dry-run', 'write and emit nothing; print who would be flagged and why')
    .option('--json', 'print JSON: one object, or with --dry-run one a line')
    .option('--print-config', 'print the effective configuration and end')
    .addHelpText('after', '\nExample: lastseen sweep --dry-run --threshold 14 --as-of 2026-03-16T05:00:00Z')
    .action((flags: Flags) =>
      runCommand({
        name: 'sweep',
        needs: flags.dryRun ? ['postgres'] : ['postgres', 'kafka', 'registry'],
        flags: texts(flags),
        printConfig: flags.printConfig,
        work: (context) => withDatabase(context, (database) => run(context, flags, database)),
      }),
    );
}

async function run(context: CommandContext, flags: Flags, database: Database): Promise<number> {
  const plan = planOf(context, flags);
  if (flags.dryRun) {
    await printDue(context, database, plan, flags.json === true);
    return EXIT.done;
  }
  const { settings, log } = context;
  const kafka = createKafka({ brokers: brokers(settings), clientId: settings.KAFKA_CLIENT_ID, log });
  const producer = createProducer(kafka);
  try {
    const codec = await inactivityCodec(settings);
    const relay = createInactivityRelay({ database, producer, topic: settings.INACTIVITY_TOPIC, encode: codec.encode });
    const outcome = await sweep({ database, newRunId: uuidv7, now: context.now, relay }, plan);
    log.info({ event: 'sweep_completed', ...outcome }, 'sweep completed');
    context.print(flags.json ? json(outcome) : page(outcome, plan));
    return EXIT.done;
  } finally {
    await producer.close();
  }
}

function planOf({ settings, now }: CommandContext, flags: Flags): SweepPlan {
  const present = now();
  const plan: SweepPlan = {
    asOf: flags.asOf ?? present,
    thresholds: settings.INACTIVITY_THRESHOLD_DAYS,
    lookbackDays: settings.KPI_LOOKBACK_DAYS,
    refresh: settings.INACTIVITY_REFRESH,
    limit: flags.limit,
  };
  if (plan.asOf > present)
    throw new LastseenError('usage', '--as-of lies in the future: nothing can be known of it yet');
  const mistake = planMistake(plan);
  if (mistake !== undefined) throw new LastseenError('usage', mistake);
  return plan;
}

function texts(flags: Flags): Texts {
  return { INACTIVITY_THRESHOLD_DAYS: flags.threshold, KPI_LOOKBACK_DAYS: flags.lookback };
}

function readLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isSafeInteger(limit) || limit < 1) throw new InvalidArgumentError('It must be a whole number above 0.');
  return limit;
}

function page(outcome: SweepOutcome, plan: SweepPlan): string {
  return table(
    ['as of', forPeople(plan.asOf)],
    [
      ['silent for', `${plan.thresholds.join(', ')} to ${plan.lookbackDays} days`],
      ['active in the lookback', outcome.active],
      ['inactive', outcome.inactive],
      ['  crossed', outcome.crossed],
      ['  ongoing', outcome.ongoing],
      ['  unresolved (no user_id yet)', outcome.unresolved],
      ['undecidable (seen after the as-of)', outcome.undecidable],
      ['returned, found by this run', outcome.returned],
      ['events published', outcome.published ?? 'another relay is at work'],
      ['run', outcome.runId],
    ],
  );
}
