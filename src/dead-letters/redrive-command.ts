import type { Command } from 'commander';
import { openKafka } from '../cli/connections.ts';
import { readPositive } from '../cli/flag-values.ts';
import { type CommandContext, EXIT, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import { json, table } from '../cli/tables.ts';
import { letterTopics } from '../config/kafka-names.ts';
import type { Settings } from '../config/settings.ts';
import { endPositions } from '../kafka/admin/offsets.ts';
import type { KafkaClient } from '../kafka/client/client.ts';
import { createProducer } from '../kafka/client/producer.ts';
import type { Database } from '../postgres/database.ts';
import { withLock } from '../postgres/locks.ts';
import { withOwnTables } from '../setup/wiring.ts';
import { addFilterFlags, type FilterFlags } from './filter-flags.ts';
import { appendLetterId, formatLetterId, type LetterId } from './letter-id.ts';
import { readLetters } from './reading-pipeline.ts';
import { createRedrive, type OriginCount, type RedriveCounts } from './redrive-pipeline.ts';
import { findRedriven, markRedriven } from './redriven-store.ts';

interface Flags extends FilterFlags {
  readonly id?: readonly LetterId[];
  readonly limit?: number;
  readonly dryRun?: true;
}

export function addDlqRedrive(dlq: Command): void {
  addFilterFlags(dlq.command('redrive'))
    .description('send dead letters back to the topics they came from, each once')
    .option('--id <id>', 'only this one, with its id from `dlq list`; may be repeated', appendLetterId)
    .option('--limit <count>', 'send at most this many', readPositive)
    .option('--dry-run', 'send nothing; count what would be sent')
    .option('--json', 'print the summary as JSON')
    .option(...PRINT_CONFIG)
    .addHelpText(
      'after',
      '\nExamples:\n  lastseen dlq redrive --reason missing_column --dry-run' +
        '\n  lastseen dlq redrive --id track/0/12 --id track/0/13',
    )
    .action((flags: Flags) =>
      runCommand({
        name: 'dlq redrive',
        needs: ['postgres', 'kafka'],
        printConfig: flags.printConfig,
        work: (context) =>
          withOwnTables(context, (database) => withLock(database, 'redrive', () => run(context, flags, database))),
      }),
    );
}

async function run(context: CommandContext, flags: Flags, database: Database): Promise<number> {
  const { settings, log } = context;
  const kafka = openKafka(context);
  const producer = createProducer(kafka);
  const redrive = createRedrive({
    producer,
    ledger: {
      findRedriven: (letters) => findRedriven(database, letters),
      markRedriven: (letters) => markRedriven(database, letters),
    },
    partitions: await originPartitions(kafka, settings),
    dryRun: flags.dryRun === true,
    limit: flags.limit ?? Number.POSITIVE_INFINITY,
    onRejected: (letter, why) =>
      log.warn(
        { event: 'letter_rejected', id: formatLetterId(settings, letter), error: why },
        'dead letter not sent back',
      ),
  });
  try {
    await readLetters(context, { ...flags, kafka, reader: flags.topic, ids: flags.id, onLetters: redrive.send });
  } finally {
    await producer.close();
    // Printed also after a failure or an interruption, for the letters that were sent before.
    const { byOrigin, ...counts } = redrive.counts;
    const summary = { dryRun: flags.dryRun === true, ...counts, origins: [...byOrigin.values()] };
    context.logResult({ event: 'letters_redriven', ...counts, dryRun: summary.dryRun }, 'redriven');
    context.print(flags.json ? json(summary) : page(summary));
  }
  return redrive.counts.rejected === 0 ? EXIT.done : EXIT.failed;
}

/** The partition count of each topic that letters may be sent back to. */
async function originPartitions(kafka: KafkaClient, settings: Settings): Promise<ReadonlyMap<string, number>> {
  const topics = Object.values(letterTopics(settings)).flatMap(({ origins }) => origins);
  const counts = new Map<string, number>();
  for (const { topic } of await endPositions(kafka, topics)) counts.set(topic, (counts.get(topic) ?? 0) + 1);
  return counts;
}

type Summary = Omit<RedriveCounts, 'byOrigin'> & {
  readonly dryRun: boolean;
  readonly origins: readonly OriginCount[];
};

function page({ dryRun, letters, redriven, redrivenBefore, rejected, origins }: Summary): string {
  return table(
    ['outcome', 'letters'],
    [
      ['matching', letters],
      [dryRun ? 'would be sent back' : 'sent back', redriven],
      ...origins.map((origin) => [`  ${origin.topic}, ${origin.reason}`, origin.letters] as const),
      ['sent back before', redrivenBefore],
      ['cannot be sent back', rejected],
    ],
  );
}
