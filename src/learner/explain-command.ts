import { type Command, InvalidArgumentError } from 'commander';
import { formatInstant, type Instant } from '../activity/instant.ts';
import { withDatabase, withSourceDatabase } from '../cli/connections.ts';
import { csvOption, type ListFlags } from '../cli/csv.ts';
import { readInstant } from '../cli/flag-values.ts';
import { type CommandContext, EXIT, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import { json } from '../cli/tables.ts';
import { type FigureFlags, figureDeps, figureSettings, HORIZON, TARGET } from '../kpi/wiring.ts';
import { LastseenError } from '../runtime/errors.ts';
import { keepKeys } from '../runtime/snake-keys.ts';
import { missingOwnTables } from '../setup/wiring.ts';
import { configuredPlan } from '../silence/plan.ts';
import { explanationPage, writeTimeLine } from './explain-page.ts';
import { type Explanation, explain, similarLearners } from './explain-pipeline.ts';

interface Flags extends ListFlags, FigureFlags {
  readonly asOf?: Instant;
}

/** How many events and answers are shown; a long silence has one per day. */
const NEWEST_COUNT = 20;

export function addExplain(program: Command): void {
  program
    .command('explain')
    .description('show what is known about one learner, what a sweep would decide, and the terms of P and S')
    .argument('<user>', 'a user_id or a student_id', readLearner)
    .option('--as-of <instant>', 'explain as of this instant, e.g. 2026-03-16T05:00:00Z (default: now)', readInstant)
    .option(...HORIZON)
    .option(...TARGET)
    .option('--json', 'print one JSON object')
    .addOption(csvOption('the time line: activities, events and answers, oldest first'))
    .option(...PRINT_CONFIG)
    .addHelpText('after', '\nExample: lastseen explain anna --as-of 2026-03-16T05:00:00Z')
    .action((user: string, flags: Flags) =>
      runCommand({
        name: 'explain',
        needs: ['postgres'],
        printConfig: flags.printConfig,
        flags: figureSettings(flags),
        work: (context) => {
          const plan = configuredPlan(context.settings, flags.asOf ?? context.now());
          return withDatabase(context, (database) =>
            withSourceDatabase(context, async (source) => {
              const missingTables = (await missingOwnTables(context, database)) ?? null;
              const newest = flags.csv ? null : NEWEST_COUNT;
              const deps = { ...figureDeps(context, source, database), missingTables, newest };
              const explanation = await explain(deps, user, plan);
              if (!explanation.isKnown) {
                return rejectUnknown(context, flags, explanation, await similarLearners(deps, user));
              }
              if (flags.csv) writeTimeLine(context, explanation);
              else context.print(flags.json ? explanationJson(explanation) : explanationPage(explanation, plan));
              return EXIT.done;
            }),
          );
        },
      }),
    );
}

/** Names are printed as a result: the line of the error names no learner. */
function rejectUnknown(
  { print }: CommandContext,
  { json: asJson, csv }: Flags,
  { userId, studentId, asOf, isKnown, missingTables }: Explanation,
  similar: readonly string[],
): never {
  if (asJson) print(json({ userId, studentId, isKnown, similar }));
  else if (!csv && similar.length > 0) print(`similar: ${similar.join(', ')}`);
  const rows = `no row in ${missingTables === null ? 'user_last_seen, ' : ''}ability_estimates and weekly_kpi`;
  const unread = missingTables === null ? '' : `; ${missingTables}`;
  throw new LastseenError(
    'unknown_learner',
    `unknown learner: no activity until ${formatInstant(asOf)}, ${rows}${unread}`,
  );
}

function explanationJson({ weeklyKpis, ...rest }: Explanation): string {
  // The stored figures of the week keep their keys.
  const stored = weeklyKpis === null ? null : keepKeys(JSON.parse(weeklyKpis));
  return json({ ...(formatInstants(rest) as object), weeklyKpis: stored });
}

/** Every bigint of an explanation is an instant. */
function formatInstants(value: unknown): unknown {
  if (typeof value === 'bigint') return formatInstant(value);
  if (Array.isArray(value)) return value.map(formatInstants);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, formatInstants(each)]));
}

function readLearner(text: string): string {
  if (text === '') throw new InvalidArgumentError('The empty user_id is no learner.');
  return text;
}
