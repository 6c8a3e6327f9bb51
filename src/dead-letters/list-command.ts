import type { Command } from 'commander';
import { openKafka } from '../cli/connections.ts';
import { readPositive } from '../cli/flag-values.ts';
import { type CommandContext, EXIT, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import { json } from '../cli/tables.ts';
import { listOpenLetters } from '../last-seen/letters-store.ts';
import type { Database } from '../postgres/database.ts';
import { withOwnTables } from '../setup/wiring.ts';
import { addFilterFlags, type FilterFlags } from './filter-flags.ts';
import { formatLetterId } from './letter-id.ts';
import { type LetterCount, letterJson, lettersPage, openLetterJson, openLettersPage } from './letter-page.ts';
import { createNewestLetters } from './letters.ts';
import { readLetters } from './reading-pipeline.ts';
import { findRedriven } from './redriven-store.ts';

interface Flags extends FilterFlags {
  readonly limit: number;
  readonly open?: true;
}

export function addDlqList(dlq: Command): void {
  addFilterFlags(dlq.command('list'))
    .description('list dead letters, newest first, and count them by reason')
    .option('--limit <count>', 'list at most this many; all are counted', readPositive, 50)
    .option('--open', 'list those of track whose records are still missing: sweeps leave their learners out')
    .option('--json', 'print JSON, one dead letter per line')
    .option(...PRINT_CONFIG)
    .addHelpText(
      'after',
      '\nExamples:\n  lastseen dlq list --topic track --since 2026-03-16T05:00:00Z' +
        '\n  lastseen dlq list --reason missing_column --limit 1000 --json',
    )
    .action((flags: Flags) =>
      runCommand({
        name: 'dlq list',
        needs: flags.open ? ['postgres'] : ['postgres', 'kafka'],
        printConfig: flags.printConfig,
        work: (context) =>
          withOwnTables(context, (database) => (flags.open ? listOpen : run)(context, flags, database)),
      }),
    );
}

async function run(context: CommandContext, flags: Flags, database: Database): Promise<number> {
  const { settings, print } = context;
  const newest = createNewestLetters(flags.limit);
  const counts = new Map<string, LetterCount>();
  await readLetters(context, {
    ...flags,
    kafka: openKafka(context),
    reader: flags.topic,
    onLetters: async (letters) => {
      for (const letter of letters) {
        newest.add(letter);
        const { topic, reason, step } = letter;
        const key = [topic, reason, step].join('\n');
        const count = counts.get(key) ?? { topic, reason, step, letters: 0 };
        count.letters += 1;
        counts.set(key, count);
      }
      return true;
    },
  });
  const letters = newest.list();
  const redriven = await findRedriven(database, letters);
  const rows = letters.map((letter) => ({
    id: formatLetterId(settings, letter),
    letter,
    redriven: redriven.has(letter),
  }));
  if (flags.json)
    for (const row of rows) print(json({ id: row.id, ...letterJson(row.letter), redriven: row.redriven }));
  else print(lettersPage(rows, [...counts.values()]));
  return EXIT.done;
}

async function listOpen({ print }: CommandContext, flags: Flags, database: Database): Promise<number> {
  const letters = await listOpenLetters(database, flags, flags.limit);
  if (flags.json) for (const letter of letters) print(json(openLetterJson(letter)));
  else print(openLettersPage(letters));
  return EXIT.done;
}
