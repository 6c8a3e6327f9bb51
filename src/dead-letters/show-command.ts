import type { Command } from 'commander';
import { openKafka } from '../cli/connections.ts';
import { readPositive } from '../cli/flag-values.ts';
import { type CommandContext, EXIT, type OutputFlags, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import { json, readableInstant, table } from '../cli/tables.ts';
import { formatLetterId, type LetterId, letterPosition, noSuchLetter, parseLetterId } from './letter-id.ts';
import { contentText, letterJson, originText } from './letter-page.ts';
import type { Letter } from './letters.ts';
import { readLetters } from './reading-pipeline.ts';

interface Flags extends OutputFlags {
  readonly maxBytes: number;
  readonly raw?: true;
}

export function addDlqShow(dlq: Command): void {
  dlq
    .command('show')
    .description('show one dead letter: its headers, key and value, which may name a learner')
    .argument('<id>', 'an id from `dlq list`: track/PARTITION/OFFSET, recompute/… or TOPIC/…', parseLetterId)
    .option('--max-bytes <count>', 'show at most this many bytes of the key and of the value', readPositive, 4_096)
    .option('--raw', 'print only the bytes of the value, unchanged')
    .option('--json', 'print JSON with the whole key and value in base64')
    .option(...PRINT_CONFIG)
    .addHelpText(
      'after',
      '\nExamples:\n  lastseen dlq show track/0/12\n  lastseen dlq show track/0/12 --raw > value.avro',
    )
    .action((id: LetterId, flags: Flags) =>
      runCommand({
        name: 'dlq show',
        needs: ['kafka'],
        printConfig: flags.printConfig,
        work: async (context) => {
          show(context, flags, await findLetter(context, id));
          return EXIT.done;
        },
      }),
    );
}

async function findLetter(context: CommandContext, id: LetterId): Promise<Letter> {
  const found: Letter[] = [];
  await readLetters(context, {
    kafka: openKafka(context),
    ids: [id],
    onLetters: async (letters) => {
      found.push(...letters);
      return false;
    },
  });
  const [letter] = found;
  if (letter === undefined) throw noSuchLetter(letterPosition(context.settings, id));
  return letter;
}

function show({ settings, print, write }: CommandContext, flags: Flags, letter: Letter): void {
  const { key, value } = letter.record;
  const headers = listHeaders(letter);
  if (flags.raw) {
    if (value !== null) write(value);
  } else if (flags.json) {
    const base64 = (bytes: Buffer | null) => bytes?.toString('base64') ?? null;
    const id = formatLetterId(settings, letter);
    print(json({ id, ...letterJson(letter), headers, key: base64(key), value: base64(value) }));
  } else {
    print(
      table(
        ['letter', formatLetterId(settings, letter)],
        [['written', readableInstant(letter.writtenAt)], ['from', originText(letter)], ...headers],
      ),
    );
    print(`\nkey, ${contentSection(key, flags.maxBytes)}`);
    print(`\nvalue, ${contentSection(value, flags.maxBytes)}`);
  }
}

/** All headers; one with several values is listed once per value. */
function listHeaders({ record }: Letter): [string, string][] {
  return Object.entries(record.headers ?? {}).flatMap(([name, values]) =>
    (Array.isArray(values) ? values : [values]).map((value): [string, string] => [name, String(value ?? '')]),
  );
}

function contentSection(bytes: Buffer | null, maxBytes: number): string {
  return bytes === null ? 'null' : `${bytes.length} bytes\n${contentText(bytes, maxBytes)}`;
}
