import type { Command } from 'commander';
import type { StudentId } from '../activity/activity.ts';
import { studentIdOf } from '../activity/learner.ts';
import { openKafka } from '../cli/connections.ts';
import { type CommandContext, EXIT, type OutputFlags, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import { json } from '../cli/tables.ts';
import { readTopicSettings, type TopicSettings } from '../kafka/admin/topic-settings.ts';
import type { Database } from '../postgres/database.ts';
import { safeMessage, usageError } from '../runtime/errors.ts';
import { withTimeout } from '../runtime/waiting.ts';
import { topicSpecs } from '../setup/topic-specs.ts';
import { withOwnTables } from '../setup/wiring.ts';
import { countLearnerRows, eraseLearner, type LearnerRows } from './erasure-store.ts';
import { erasureJson, erasurePage, type RetainingTopic } from './forget-page.ts';

interface Flags extends OutputFlags {
  readonly yes?: true;
  readonly dryRun?: true;
}

export function addForget(program: Command): void {
  program
    .command('forget')
    .description('erase one learner from all own tables, and list where records may remain')
    .argument('<user>', 'a user_id or a student_id')
    .option('--yes', 'erase the learner; this or --dry-run is required')
    .option('--dry-run', 'erase nothing; count the rows that would be erased')
    .option('--json', 'print one JSON object')
    .option(...PRINT_CONFIG)
    .addHelpText(
      'after',
      '\nEvents of the learner that are not published yet are never published. An unknown learner is not an error, so the\n' +
        'command can be repeated. If KAFKA_BROKERS is set, the output shows for each topic that may contain records of the\n' +
        'learner when they are deleted at the latest.\n' +
        '\nExamples:\n  lastseen forget anna --dry-run\n  lastseen forget anna --yes --json',
    )
    .action((user: string, flags: Flags) =>
      runCommand({
        name: 'forget',
        needs: ['postgres'],
        mayUse: ['kafka'],
        printConfig: flags.printConfig,
        work: (context) => withOwnTables(context, (database) => run(context, flags, database, user)),
      }),
    );
}

async function run(context: CommandContext, flags: Flags, database: Database, user: string): Promise<number> {
  if (flags.yes === flags.dryRun) {
    throw usageError('add --yes to erase the learner, or --dry-run to see what would be erased');
  }
  const dryRun = flags.dryRun === true;
  const rows = await eraseOrCount(context, database, studentIdOf(user), dryRun);
  const erasure = { rows, dryRun, topics: await readRetainingTopics(context), at: context.now() };
  context.print(flags.json ? json(erasureJson(erasure)) : erasurePage(erasure));
  return EXIT.done;
}

async function eraseOrCount(
  { logResult }: CommandContext,
  database: Database,
  studentId: StudentId,
  dryRun: boolean,
): Promise<LearnerRows> {
  if (dryRun) return countLearnerRows(database, studentId);
  const rows = await database.transaction((tx) => eraseLearner(tx, studentId));
  // The log must not identify the learner.
  logResult({ event: 'learner_forgotten', ...rows }, 'forgotten');
  return rows;
}

const BROKER_TIMEOUT_MS = 10_000;

/** The learner is erased also if the brokers do not answer. The topics are then listed without their retention. */
async function readRetainingTopics(context: CommandContext): Promise<RetainingTopic[]> {
  const names = topicSpecs(context.settings, []).map(({ topic }) => topic);
  const found = await readSettings(context, names);
  if (typeof found === 'string') return names.map((topic) => ({ topic, unknown: found }));
  return names.map((topic) => {
    const settings = found.find((each) => each.topic === topic);
    return settings === undefined ? { topic, unknown: 'the topic does not exist' } : { topic, settings };
  });
}

/** The settings of the topics, or why they are unknown. */
async function readSettings(context: CommandContext, names: readonly string[]): Promise<TopicSettings[] | string> {
  if (context.settings.KAFKA_BROKERS === undefined) return 'KAFKA_BROKERS is not set';
  try {
    return await withTimeout(BROKER_TIMEOUT_MS, readTopicSettings(openKafka(context, 1), names));
  } catch (error) {
    return safeMessage(error);
  }
}
