import { dateOf, formatInstant } from '../activity/instant.ts';
import { type ListFlags, openCsv } from '../cli/csv.ts';
import type { CommandContext } from '../cli/run-command.ts';
import { json, table } from '../cli/tables.ts';
import { printable } from '../runtime/printable.ts';
import { type Figures, weeklyInstant } from './figures/figure.ts';
import type { FigureOptions, LearnerFigures } from './figures/figures.ts';
import type { KpiPlan, KpiRunCounts } from './pipeline.ts';
import { weekOf } from './weekly/rows-store.ts';

/** Prints learners as they are computed. */
interface KpiPage {
  add(userId: string, computed: LearnerFigures): void;
  addFailed(userId: string, why: string): void;
  end(counts: KpiRunCounts): void;
}

/** As JSON, as CSV, or as a table for people. */
export function openPage(context: CommandContext, flags: ListFlags, plan: KpiPlan, options: FigureOptions): KpiPage {
  if (!flags.json && !flags.csv) return tablePage(context, plan, options);
  const basis = basisOf(plan, options);
  const describe = (userId: string) => ({ userId, weekStart: weekOf(plan.asOf), asOf: formatInstant(plan.asOf) });
  if (flags.json) {
    return {
      add: (userId, { figures, target }) => context.print(json({ ...describe(userId), ...basis, target, ...figures })),
      addFailed: (userId, message) => context.print(json({ ...describe(userId), message })),
      end() {},
    };
  }
  const add = openCsv(context, [...KEYS, ...plan.wanted, 'message']);
  return {
    add: (userId, { figures, target }) => add({ ...describe(userId), ...basis, target, ...figures }),
    addFailed: (userId, message) => add({ ...describe(userId), ...basis, message }),
    end() {},
  };
}

const KEYS = ['userId', 'weekStart', 'asOf', 'profile', 'day', 'horizonDays', 'target'] as const;

/** What the figures depend on beside the learner's rows. `day` is the date of I_t, E_t, R_t, A_t and S; P is at the as-of. */
function basisOf({ asOf }: KpiPlan, { policy, churnHorizonDays }: FigureOptions) {
  return { profile: policy.profile, day: dateOf(weeklyInstant(asOf, policy)), horizonDays: churnHorizonDays };
}

function tablePage({ print }: CommandContext, plan: KpiPlan, options: FigureOptions): KpiPage {
  print(heading(plan, options));
  return {
    add: (userId, { figures, target }) => print(line(userId, plan, figures, target)),
    addFailed: (userId, why) => print(`${userCell(userId)}  failed: ${why}`),
    end: (counts) => print(`\n${summary(counts, plan)}`),
  };
}

const USER_WIDTH = 36;
const FIGURE_WIDTH = 8;

/** What the figures depend on, and the names of the columns. */
function heading(plan: KpiPlan, options: FigureOptions): string {
  const { asOf, wanted } = plan;
  const { targetFrom, defaultTarget } = options;
  const { profile, day, horizonDays } = basisOf(plan, options);
  const target = targetFrom === 'default' ? `target ${defaultTarget}` : `target of each goal, else ${defaultTarget}`;
  const names = ['user_id'.padEnd(USER_WIDTH), ...wanted, ...(wanted.includes('P') ? ['target'] : [])];
  return [
    `profile ${profile}, horizon ${horizonDays} days, ${target}`,
    `P as of ${formatInstant(asOf)}, all other figures for the day ${day}`,
    '',
    names.map((name) => name.padStart(FIGURE_WIDTH)).join('  '),
  ].join('\n');
}

/** One learner's figures, under {@link heading}. */
function line(userId: string, { wanted }: KpiPlan, figures: Figures, target: number | null): string {
  const shown = wanted.map((name) => figures[name]?.toFixed(4) ?? '–');
  const cells = wanted.includes('P') ? [...shown, String(target ?? '–')] : shown;
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
