import type { Command } from 'commander';
import type { StudentId } from '../activity/activity.ts';
import { studentIdOf } from '../activity/learner.ts';
import { openKafka } from '../cli/connections.ts';
import { type CommandContext, EXIT, runCommand } from '../cli/run-command.ts';
import { json } from '../cli/tables.ts';
import { readTopicSettings, type TopicSettings } from '../kafka/admin/topic-settings.ts';
import type { Database } from '../postgres/database.ts';
import { LastseenError, safeMessage } from '../runtime/errors.ts';
import { answeredWithin } from '../runtime/with-timeout.ts';
import { withOwnTables } from '../setup/own-tables-wiring.ts';
import { topicSpecs } from '../setup/topic-specs.ts';
import { countLearnerRows, eraseLearner, type LearnerRows } from './erasure-store.ts';
import { erasureJson, erasurePage, type Remains } from './forget-page.ts';

interface Flags {
  readonly yes?: true;
  readonly dryRun?: true;
  readonly json?: true;
  readonly printConfig?: true;
}

export function addForget(program: Command): void {
  program
    .command('forget')
    .description('erase one learner from all own tables, and say what remains where')
    .argument('<user>', 'a user_id or a student_id')
    .option('--yes', 'erase; without it or --dry-run nothing is done')
    .option('--dry-run', 'erase nothing; print what would be erased')
    .option('--json', 'print one JSON object')
    .option('--print-config', 'print the effective configuration and end')
    .addHelpText(
      'after',
      '\nDecided events of the learner that are not published yet are never published. A learner of whom nothing is\n' +
        'known is no failure: it is said, and may be asked again. With KAFKA_BROKERS set, it is told of each topic that\n' +
        'may hold records of the learner when they are gone at the latest.\n' +
        '\nExamples:\n  lastseen forget anna --dry-run\n  lastseen forget anna --yes --json',
    )
    .action((user: string, flags: Flags) =>
      runCommand({
        name: 'forget',
        needs: ['postgres'],
        printConfig: flags.printConfig,
        work: (context) => withOwnTables(context, (database) => run(context, flags, database, user)),
      }),
    );
}

async function run(context: CommandContext, flags: Flags, database: Database, user: string): Promise<number> {
  if (flags.yes === flags.dryRun) {
    throw new LastseenError(
      'usage',
      'say either --yes, to erase the learner, or --dry-run, to see what that would erase',
    );
  }
  const rows = await erased(context, database, studentIdOf(user), flags.dryRun === true);
  const erasure = { rows, dryRun: flags.dryRun === true, remains: await remainsIn(context), at: context.now() };
  context.print(flags.json ? json(erasureJson(erasure)) : erasurePage(erasure));
  return EXIT.done;
}

async function erased(
  { log }: CommandContext,
  database: Database,
  studentId: StudentId,
  dryRun: boolean,
): Promise<LearnerRows> {
  if (dryRun) return countLearnerRows(database, studentId);
  const rows = await database.transaction((tx) => eraseLearner(tx, studentId));
  // Who it was is not to be found in the log either.
  log.info({ event: 'forgotten', ...rows }, 'forgotten');
  return rows;
}

const BROKERS_WITHIN_MS = 10_000;

/** Erasing does not wait for the brokers: where they do not answer, their topics are named all the same. */
async function remainsIn(context: CommandContext): Promise<Remains[]> {
  const names = topicSpecs(context.settings, []).map(({ topic }) => topic);
  const known = await topicSettings(context, names);
  if (typeof known === 'string') return names.map((topic) => ({ topic, unknown: known }));
  return names.map((topic) => {
    const settings = known.find((each) => each.topic === topic);
    return settings === undefined ? { topic, unknown: 'there is no such topic' } : { topic, settings };
  });
}

async function topicSettings(context: CommandContext, names: readonly string[]): Promise<TopicSettings[] | string> {
  if (context.settings.KAFKA_BROKERS === undefined) return 'KAFKA_BROKERS is not set';
  try {
    return await answeredWithin(BROKERS_WITHIN_MS, readTopicSettings(openKafka(context, 1), names));
  } catch (error) {
    return safeMessage(error);
  }
}
