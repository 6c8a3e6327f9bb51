import type { Command } from 'commander';
import { openKafka, openRegistry } from '../cli/connections.ts';
import { readPositive } from '../cli/flag-values.ts';
import { type CommandContext, EXIT, type OutputFlags, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import { json, readableInstant, table } from '../cli/tables.ts';
import { inspectKey, inspectValue } from '../registry/inspect.ts';
import { LastseenError } from '../runtime/errors.ts';
import { type Decoding, decodedText, decodingJson } from './content-page.ts';
import { formatLetterId, type LetterId, letterPosition, noSuchLetter, parseLetterId } from './letter-id.ts';
import { letterJson, originText } from './letter-page.ts';
import type { Letter } from './letters.ts';
import { readLetters } from './reading-pipeline.ts';

interface Flags extends OutputFlags {
  readonly maxBytes: number;
  readonly raw?: true;
}

export function addDlqShow(dlq: Command): void {
  dlq
    .command('show')
    .description('show one dead letter: its headers, and its key and value decoded, which may name a learner')
    .argument('<id>', 'an id from `dlq list`: track/PARTITION/OFFSET, recompute/… or TOPIC/…', parseLetterId)
    .option(
      '--max-bytes <count>',
      'show at most this many bytes of the key, of the value and of each field',
      readPositive,
      4_096,
    )
    .option('--raw', 'print only the bytes of the value, unchanged')
    .option('--json', 'print JSON with the whole key and value, decoded and in base64')
    .option(...PRINT_CONFIG)
    .addHelpText(
      'after',
      '\nExamples:\n  lastseen dlq show track/0/12\n  lastseen dlq show track/0/12 --raw > value.avro',
    )
    .action((id: LetterId, flags: Flags) =>
      runCommand({
        name: 'dlq show',
        needs: flags.raw ? ['kafka'] : ['kafka', 'registry'],
        printConfig: flags.printConfig,
        work: async (context) => {
          await show(context, flags, await findLetter(context, id));
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

async function show({ settings, print, write }: CommandContext, flags: Flags, letter: Letter): Promise<void> {
  const { key, value } = letter.record;
  if (flags.raw) {
    if (value !== null) write(value);
    return;
  }
  const registry = openRegistry(settings);
  const parts = {
    key: await decode(key, (bytes) => inspectKey(registry, bytes)),
    value: await decode(value, (bytes) => inspectValue(registry, bytes)),
  };
  const headers = listHeaders(letter);
  if (flags.json) {
    const base64 = (bytes: Buffer | null) => bytes?.toString('base64') ?? null;
    const id = formatLetterId(settings, letter);
    const decoded = { key: parts.key && decodingJson(parts.key), value: parts.value && decodingJson(parts.value) };
    print(json({ id, ...letterJson(letter), headers, key: base64(key), value: base64(value), decoded }));
    return;
  }
  print(
    table(
      ['letter', formatLetterId(settings, letter)],
      [['written', readableInstant(letter.writtenAt)], ['from', originText(letter)], ...headers],
    ),
  );
  for (const [name, bytes] of [
    ['key', key],
    ['value', value],
  ] as const) {
    print(`\n${name}, ${contentSection(bytes, parts[name], flags.maxBytes)}`);
  }
}

/** Null if there is nothing to decode. The letter is shown also if the registry does not answer. */
async function decode(bytes: Buffer | null, inspect: (bytes: Buffer) => Promise<Decoding>): Promise<Decoding | null> {
  if (bytes === null || bytes.length === 0) return null;
  try {
    return await inspect(bytes);
  } catch (error) {
    if (!(error instanceof LastseenError)) throw error;
    return { format: 'not tried', why: error.message };
  }
}

/** All headers; one with several values is listed once per value. */
function listHeaders({ record }: Letter): [string, string][] {
  return Object.entries(record.headers ?? {}).flatMap(([name, values]) =>
    (Array.isArray(values) ? values : [values]).map((value): [string, string] => [name, String(value ?? '')]),
  );
}

function contentSection(bytes: Buffer | null, decoding: Decoding | null, maxBytes: number): string {
  if (bytes === null) return 'null';
  return decoding === null
    ? `${bytes.length} bytes`
    : `${bytes.length} bytes\n${decodedText(bytes, decoding, maxBytes)}`;
}
