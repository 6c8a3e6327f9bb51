import { formatInstant } from '../activity/instant.ts';
import { table } from '../cli/tables.ts';
import { printable } from '../runtime/printable.ts';
import type { Figures } from './figures/figure.ts';
import type { FigureOptions } from './figures/figures.ts';
import type { KpiPlan, KpiRunCounts } from './pipeline.ts';

const USER_WIDTH = 36;
const FIGURE_WIDTH = 8;

/** What the figures depend on, and the names of the columns. */
export function heading({ asOf, wanted }: KpiPlan, options: FigureOptions, day: string): string {
  const { policy, churnHorizonDays, targetFrom, defaultTarget } = options;
  const target = targetFrom === 'default' ? `target ${defaultTarget}` : `target of each goal, else ${defaultTarget}`;
  const names = ['user_id'.padEnd(USER_WIDTH), ...wanted, ...(wanted.includes('P') ? ['target'] : [])];
  return [
    `profile ${policy.profile}, horizon ${churnHorizonDays} days, ${target}`,
    `P as of ${formatInstant(asOf)}, all other figures for the day ${day}`,
    '',
    names.map((name) => name.padStart(FIGURE_WIDTH)).join('  '),
  ].join('\n');
}

/** One learner's figures, under {@link heading}. */
export function line(userId: string, { wanted }: KpiPlan, figures: Figures, target: number | null): string {
  const shown = wanted.map((name) => figures[name]?.toFixed(4) ?? '–');
  const cells = wanted.includes('P') ? [...shown, String(target ?? '–')] : shown;
  return [userCell(userId), ...cells.map((cell) => cell.padStart(FIGURE_WIDTH))].join('  ');
}

export function userCell(userId: string): string {
  return printable(userId).padEnd(USER_WIDTH);
}

export function summary(counts: KpiRunCounts, { asOf, store }: KpiPlan): string {
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
