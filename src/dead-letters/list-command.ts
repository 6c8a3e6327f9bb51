import type { Command } from 'commander';
import { formatInstant, type Instant } from '../activity/instant.ts';
import { openKafka } from '../cli/connections.ts';
import { forPeople } from '../cli/dates.ts';
import { readInstant } from '../cli/instant-flag.ts';
import { readPositive } from '../cli/number-flags.ts';
import { type CommandContext, EXIT, runCommand } from '../cli/run-command.ts';
import { json, table } from '../cli/tables.ts';
import type { Reader } from '../config/topic-names.ts';
import type { Database } from '../postgres/database.ts';
import { withOwnTables } from '../setup/own-tables-wiring.ts';
import { printable } from './letter-content.ts';
import { idOf, readReader } from './letter-id.ts';
import { keepNewest, type Letter } from './letters.ts';
import { readLetters } from './reading-pipeline.ts';
import { redrivenAmong } from './redriven-store.ts';

interface Flags {
  readonly topic?: Reader;
  readonly reason?: string;
  readonly since?: Instant;
  readonly sourceTopic?: string;
  readonly limit: number;
  readonly json?: true;
  readonly printConfig?: true;
}

const SHOWN = 50;

export function addDlqList(dlq: Command): void {
  dlq
    .command('list')
    .description('list dead letters, newest first, and count them by reason')
    .option('--topic <of>', 'those of track or recompute alone', readReader)
    .option('--reason <reason>', 'of this reason, e.g. missing_column')
    .option('--since <instant>', 'set aside then or later, e.g. 2026-03-16T05:00:00Z', readInstant)
    .option('--source-topic <topic>', 'that came from this topic')
    .option('--limit <count>', 'list no more than these; all are counted', readPositive, SHOWN)
    .option('--json', 'print JSON, one letter a line')
    .option('--print-config', 'print the effective configuration and end')
    .addHelpText(
      'after',
      '\nExamples:\n  lastseen dlq list --topic track --since 2026-03-16T05:00:00Z' +
        '\n  lastseen dlq list --reason missing_column --limit 1000 --json',
    )
    .action((flags: Flags) =>
      runCommand({
        name: 'dlq list',
        needs: ['postgres', 'kafka'],
        printConfig: flags.printConfig,
        work: (context) => withOwnTables(context, (database) => run(context, flags, database)),
      }),
    );
}

async function run(context: CommandContext, flags: Flags, database: Database): Promise<number> {
  const { settings, print } = context;
  const newest = keepNewest(flags.limit);
  const counts = new Map<string, { readonly by: readonly string[]; letters: number }>();
  await readLetters(context, {
    kafka: openKafka(context),
    reader: flags.topic,
    reason: flags.reason,
    since: flags.since,
    sourceTopic: flags.sourceTopic,
    onLetters: async (letters) => {
      for (const letter of letters) {
        newest.add(letter);
        const by = [letter.topic, printable(letter.reason), printable(letter.step)];
        const count = counts.get(by.join('\n')) ?? { by, letters: 0 };
        count.letters += 1;
        counts.set(by.join('\n'), count);
      }
      return true;
    },
  });
  const shown = newest.list();
  const redriven = await redrivenAmong(database, shown);
  if (flags.json) {
    for (const letter of shown) {
      print(json({ id: idOf(settings, letter), ...describeLetter(letter), redriven: redriven.has(letter) }));
    }
    return EXIT.done;
  }
  print(
    table(
      ['id', 'written', 'from', 'reason', 'step', 'tries', 'redriven', 'detail'],
      shown.map((letter) => [
        idOf(settings, letter),
        forPeople(letter.writtenAt),
        originText(letter),
        printable(letter.reason),
        printable(letter.step),
        letter.attempts,
        redriven.has(letter) ? 'yes' : '',
        printable(letter.detail),
      ]),
    ),
  );
  const totals = [...counts.values()].sort((a, b) => b.letters - a.letters);
  print(
    `\n${table(
      ['topic', 'reason', 'step', 'letters'],
      totals.map(({ by, letters }) => [...by, letters]),
    )}`,
  );
  const all = totals.reduce((sum, { letters }) => sum + letters, 0);
  if (all > shown.length) print(`\n${shown.length} of ${all} listed; --limit lists more`);
  return EXIT.done;
}

/** What is known of a letter, without its content. */
export function describeLetter({ record: _record, writtenAt, ...letter }: Letter) {
  return { ...letter, origin: letter.origin ?? null, writtenAt: formatInstant(writtenAt) };
}

export function originText({ origin }: Letter): string {
  return origin === undefined ? '' : printable(`${origin.topic}/${origin.partition}/${origin.offset}`);
}
