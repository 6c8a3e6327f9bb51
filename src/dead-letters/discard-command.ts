import { type Command, InvalidArgumentError } from 'commander';
import type { Instant } from '../activity/instant.ts';
import { readInstant } from '../cli/flag-values.ts';
import { EXIT, type OutputFlags, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import { json } from '../cli/tables.ts';
import { discardLetters } from '../last-seen/letters-store.ts';
import { usageError } from '../runtime/errors.ts';
import { withOwnTables } from '../setup/wiring.ts';

interface Flags extends OutputFlags {
  readonly id?: readonly bigint[];
  readonly reason?: string;
  readonly since?: Instant;
  readonly sourceTopic?: string;
  readonly because?: string;
}

export function addDlqDiscard(dlq: Command): void {
  dlq
    .command('discard')
    .description('close open dead letters of track without applying them: sweeps no longer wait for their learners')
    .option('--because <text>', 'why they do not matter; it is recorded (required)', readReason)
    .option('--id <number>', 'only this one, with its number from `dlq list --open`; may be repeated', appendNumber)
    .option('--reason <reason>', 'only with this reason, e.g. missing_column')
    .option('--since <instant>', 'only recorded at this instant or later, e.g. 2026-03-16T05:00:00Z', readInstant)
    .option('--source-topic <topic>', 'only records that came from this topic')
    .option('--json', 'print JSON')
    .option(...PRINT_CONFIG)
    .addHelpText('after', '\nExample:\n  lastseen dlq discard --id 12 --because "a test record of the platform team"')
    .action((flags: Flags) =>
      runCommand({
        name: 'dlq discard',
        needs: ['postgres'],
        printConfig: flags.printConfig,
        work: (context) =>
          withOwnTables(context, async (database) => {
            const { id: ids, reason, since, sourceTopic, because } = flags;
            if ([ids, reason, since, sourceTopic].every((each) => each === undefined)) {
              throw usageError('no letters are selected; give --id, --reason, --since or --source-topic');
            }
            if (because === undefined) throw usageError('--because is missing; give the reason to discard them');
            const discarded = await discardLetters(
              database,
              { ids, reason, since, sourceTopic },
              `discard: ${because}`,
            );
            context.logResult({ event: 'letters_discarded', discarded, because }, 'dead letters discarded');
            context.print(flags.json ? json({ discarded }) : `${discarded} open dead letters discarded`);
            return EXIT.done;
          }),
      }),
    );
}

function readReason(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('It must say why.');
  return text.trim();
}

function appendNumber(text: string, previous: readonly bigint[] = []): readonly bigint[] {
  if (!/^\d{1,18}$/.test(text)) throw new InvalidArgumentError('It must be a number from `lastseen dlq list --open`.');
  return [...previous, BigInt(text)];
}
