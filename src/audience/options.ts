import { type Command, InvalidArgumentError, Option } from 'commander';
import { csvOption, type ListFlags } from '../cli/csv.ts';
import { readPositive, readRunId } from '../cli/flag-values.ts';
import { usageError } from '../runtime/errors.ts';
import { LAST_RUN } from './difference.ts';
import { LISTED_FIGURES, type ListedFigure } from './figure-change.ts';
import { SORT_KEYS, type SortKey } from './order.ts';

export interface AudienceFlags extends ListFlags {
  readonly dryRun?: true;
  readonly fromSource?: true;
  readonly sort?: SortKey;
  readonly with?: readonly ListedFigure[];
  readonly diff?: string;
  readonly diffThreshold?: number;
}

export function addAudienceOptions(command: Command): Command {
  return command
    .option('--dry-run', 'print who would be flagged and why; write and emit nothing')
    .option(
      '--from-source',
      'with --dry-run: decide by the source tables only, without own tables and Kafka; also for a past --as-of',
    )
    .addOption(
      new Option(
        '--sort <key>',
        'with --dry-run: longest silence (days), highest S (s), lowest P (p) or user_id (user) first (default: student_id)',
      ).choices(SORT_KEYS),
    )
    .option(
      '--with <figures>',
      'with --dry-run: add P, S or P,S as of the same instant, and their change since a week before',
      readFigures,
    )
    .addOption(
      new Option(
        '--diff <run|last>',
        'with --dry-run: who is inactive now and was not after a completed run (in), and the reverse (out)',
      )
        .argParser((text) => (text === LAST_RUN ? text : readRunId(text)))
        .conflicts(['diffThreshold', 'fromSource', 'limit']),
    )
    .addOption(
      new Option('--diff-threshold <days>', 'with --dry-run: who would be in and out if this were the threshold')
        .argParser(readPositive)
        .conflicts(['fromSource', 'limit']),
    )
    .addOption(csvOption('with --dry-run: one learner per line'));
}

/** Whether the list is wanted. @throws LastseenError `usage` if a flag of the list is given without it */
export function isListRequested(flags: AudienceFlags): boolean {
  if (flags.dryRun) return true;
  const stray = LIST_FLAGS.find(([name]) => flags[name] !== undefined);
  if (stray !== undefined) throw usageError(`${stray[1]} needs --dry-run: a sweep prints no list`);
  return false;
}

const LIST_FLAGS = [
  ['fromSource', '--from-source'],
  ['sort', '--sort'],
  ['with', '--with'],
  ['diff', '--diff'],
  ['diffThreshold', '--diff-threshold'],
  ['csv', '--csv'],
] as const;

/** The figures to compute: the wanted ones, and the one that the list is sorted by. */
export function shownFigures({ with: wanted = [], sort }: AudienceFlags): readonly ListedFigure[] {
  return LISTED_FIGURES.filter((name) => wanted.includes(name) || sort === name.toLowerCase());
}

function readFigures(text: string): readonly ListedFigure[] {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !LISTED_FIGURES.some((figure) => figure === name));
  if (unknown.length > 0)
    throw new InvalidArgumentError(`It must be ${LISTED_FIGURES.join(', ')} or both, not ${unknown.join(', ')}.`);
  return LISTED_FIGURES.filter((figure) => names.includes(figure));
}
