import { type Command, InvalidArgumentError } from 'commander';
import { formatInstant, type Instant } from '../activity/instant.ts';
import { unpadded } from '../activity/learner.ts';
import { withSourceDatabase } from '../cli/connections.ts';
import { readInstant } from '../cli/flag-values.ts';
import { showProgress } from '../cli/progress-bar.ts';
import { type CommandContext, EXIT, type OutputFlags, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import { json, table } from '../cli/tables.ts';
import type { Settings } from '../config/settings.ts';
import type { Database } from '../postgres/database.ts';
import { LastseenError, usageError } from '../runtime/errors.ts';
import { printable } from '../runtime/printable.ts';
import { withOwnTables } from '../setup/wiring.ts';
import { configuredPlan, silenceWindow } from '../silence/plan.ts';
import { FIGURES, type FigureName } from './figures/figure.ts';
import {
  countInactiveLearners,
  countSourceLearners,
  eachInactiveLearner,
  eachSourceLearner,
} from './inputs/learners-store.ts';
import { createKpiRun, type KpiPlan, type KpiRunCounts } from './pipeline.ts';
import { weekOf } from './weekly/rows-store.ts';
import { figureDeps } from './wiring.ts';

interface Flags extends OutputFlags {
  readonly asOf?: Instant;
  readonly user?: readonly string[];
  readonly all?: true;
  readonly inactive?: true;
  readonly only?: readonly FigureName[];
  readonly store?: true;
}

export function addKpi(program: Command): void {
  program
    .command('kpi')
    .description('compute the figures of learners as of an instant and print them')
    .option('--as-of <instant>', 'compute for this instant, e.g. 2026-03-16T05:00:00Z (required)', readInstant)
    .option('--user <user_id...>', 'for these learners')
    .option('--all', 'for all learners in the source tables')
    .option('--inactive', 'for learners who are inactive by the table of last seen, as in a sweep')
    .option('--only <figures>', `compute only some of ${FIGURES.join(',')}`, readFigures)
    .option('--store', 'merge the figures into weekly_kpi, as the platform’s weekly job does')
    .option('--json', 'print one JSON object per line')
    .option(...PRINT_CONFIG)
    .addHelpText(
      'after',
      '\nExamples:\n  lastseen kpi --as-of 2026-03-16T05:00:00Z --user anna ben --only P,S' +
        '\n  lastseen kpi --as-of 2026-03-16T05:00:00Z --all --json > figures.ndjson',
    )
    .action((flags: Flags) =>
      runCommand({
        name: 'kpi',
        needs: ['postgres'],
        printConfig: flags.printConfig,
        work: (context) => {
          const plan = planOf(context, flags);
          return withOwnTables(context, (database) =>
            withSourceDatabase(context, (source) => run(context, flags, plan, database, source)),
          );
        },
      }),
    );
}

function planOf({ now }: CommandContext, flags: Flags): KpiPlan {
  if (flags.asOf === undefined) {
    throw usageError('--as-of is missing; give an instant, e.g. --as-of 2026-03-16T05:00:00Z');
  }
  const chosen = [flags.user, flags.all, flags.inactive].filter((each) => each !== undefined);
  if (chosen.length !== 1) throw usageError('give exactly one of --user, --all and --inactive');
  if (flags.user?.includes('')) throw usageError('--user is empty: the empty user_id is no learner');
  if (flags.store && flags.asOf > now()) {
    throw usageError('--as-of is in the future: --store needs a past instant');
  }
  return { asOf: flags.asOf, wanted: flags.only ?? FIGURES, store: flags.store === true };
}

/** Learners per batch. All answers of a batch's last 56 days are in memory. */
const BATCH = 500;

async function run(
  context: CommandContext,
  flags: Flags,
  plan: KpiPlan,
  database: Database,
  source: Database,
): Promise<number> {
  const { print, flushed, log, stopping, terminal } = context;
  if (!flags.json) print(heading(plan));
  const kpiRun = createKpiRun(
    {
      ...figureDeps(context, source, database),
      onFigures: (userId, { figures }) =>
        print(flags.json ? json({ ...keys(userId, plan), ...figures }) : line(userId, plan, figures)),
      onFailed: (userId, why) => {
        // The results name the learner; log lines never do.
        log.error({ event: 'learner_failed', error: why }, 'could not compute the figures of a learner');
        print(flags.json ? json({ ...keys(userId, plan), message: why }) : `${userCell(userId)}  failed: ${why}`);
      },
    },
    plan,
  );
  const learners = learnersOf(flags, plan.asOf, context.settings, database, source);
  const progress = showProgress({ what: 'figures', unit: 'learners', total: await learners.count(), log, terminal });
  try {
    await learners.each(async (userIds) => {
      if (stopping.aborted)
        throw new LastseenError('interrupted', 'stopped by a signal; the learners printed so far are done');
      await kpiRun.compute(userIds);
      progress.update(kpiRun.counts.learners);
      await flushed();
    });
  } finally {
    progress.end();
  }
  log.info({ event: 'kpi_completed', ...kpiRun.counts }, 'computed the figures');
  if (!flags.json) print(`\n${summary(kpiRun.counts, plan)}`);
  return kpiRun.counts.failed === 0 ? EXIT.done : EXIT.failed;
}

interface Learners {
  count(): Promise<number>;
  each(onUserIds: (userIds: readonly string[]) => Promise<void>): Promise<void>;
}

function learnersOf(flags: Flags, asOf: Instant, settings: Settings, database: Database, source: Database): Learners {
  if (flags.user !== undefined) {
    const userIds = [...new Set(flags.user.map(unpadded))];
    return {
      count: async () => userIds.length,
      each: async (onUserIds) => {
        for (let at = 0; at < userIds.length; at += BATCH) await onUserIds(userIds.slice(at, at + BATCH));
      },
    };
  }
  if (flags.all) {
    return {
      count: () => countSourceLearners(source),
      each: (onUserIds) => eachSourceLearner(source, onUserIds, BATCH),
    };
  }
  const window = silenceWindow(configuredPlan(settings, asOf));
  return {
    count: () => countInactiveLearners(database, window),
    each: (onUserIds) => eachInactiveLearner(database, window, onUserIds, BATCH),
  };
}

function readFigures(text: string): readonly FigureName[] {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !FIGURES.some((figure) => figure === name));
  if (unknown.length > 0) {
    throw new InvalidArgumentError(`Unknown figures: ${unknown.join(', ')}. Known are ${FIGURES.join(', ')}.`);
  }
  return FIGURES.filter((figure) => names.includes(figure));
}

function keys(userId: string, { asOf }: KpiPlan) {
  return { userId, weekStart: weekOf(asOf), asOf: formatInstant(asOf) };
}

const USER_WIDTH = 36;
const FIGURE_WIDTH = 8;

function heading({ wanted }: KpiPlan): string {
  return ['user_id'.padEnd(USER_WIDTH), ...wanted.map((name) => name.padStart(FIGURE_WIDTH))].join('  ');
}

function line(userId: string, { wanted }: KpiPlan, figures: { readonly [name in FigureName]?: number | null }): string {
  const cells = wanted.map((name) => figures[name]?.toFixed(4) ?? '–');
  return [userCell(userId), ...cells.map((cell) => cell.padStart(FIGURE_WIDTH))].join('  ');
}

function userCell(userId: string): string {
  return printable(userId).padEnd(USER_WIDTH);
}

function summary(counts: KpiRunCounts, { asOf, store }: KpiPlan): string {
  const { learners, nothing, skippedAnswers, failed, ...outcomes } = counts;
  return table(
    ['as of', formatInstant(asOf)],
    [
      ['learners', learners],
      ['  no figure can be computed', nothing],
      ['  failed', failed],
      ['malformed answers skipped', skippedAnswers],
      ...(store ? Object.entries(outcomes).map(([outcome, count]) => [`rows ${outcome}`, count]) : []),
    ],
  );
}
