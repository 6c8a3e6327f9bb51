import { formatInstant, type Instant } from '../activity/instant.ts';
import { perSource, SOURCES, type Source } from '../activity/source.ts';
import { type ListFlags, openCsv } from '../cli/csv.ts';
import type { CommandContext } from '../cli/run-command.ts';
import { json, readableInstant, table } from '../cli/tables.ts';
import { daysInactive, decidingSource } from '../events/inactivity-decision.ts';
import { printable } from '../runtime/printable.ts';
import type { SweepPlan } from '../silence/plan.ts';
import type { Census } from '../sweep/census-store.ts';
import type { DueLearner } from '../sweep/episodes-store.ts';
import { countRows, silentFor } from '../sweep/sweep-page.ts';
import type { FigureChange, ListedFigure } from './figure-change.ts';
import type { WithFigures } from './figures-pipeline.ts';

/** What every list shows of a learner. */
export interface ListedLearner extends Readonly<Record<Source, Instant | null>> {
  readonly student_id: string;
  readonly user_id: string;
  readonly last_seen_at: Instant;
}

/** What a list shows of a learner `L`, and in which order. */
export interface Layout<L> {
  /** For programs: the keys of JSON and CSV, and their values. */
  readonly keys: readonly string[];
  readonly describe: (learner: L, plan: SweepPlan) => Readonly<Record<string, string | number>>;
  /** For people. */
  readonly columns: readonly Column<L>[];
}

interface Column<L> {
  readonly name: string;
  readonly width: number;
  readonly cell: (learner: L, plan: SweepPlan) => string;
}

/** Prints learners as they are read: as JSON, as CSV, or as a table for people. */
export function openList<L extends ListedLearner>(
  context: CommandContext,
  flags: ListFlags,
  plan: SweepPlan,
  figures: readonly ListedFigure[],
  layout: Layout<L>,
): (learner: WithFigures<L>) => void {
  const { describe } = layout;
  if (flags.json) {
    return (learner) =>
      context.print(
        json({ ...describe(learner, plan), lastSeenBySource: lastSeenBySource(learner), ...extras(learner) }),
      );
  }
  if (flags.csv) {
    const add = openCsv<string>(context, [...layout.keys, ...INSTANTS, ...figureColumns(figures)]);
    return (learner) => add({ ...describe(learner, plan), ...instantsOf(learner), ...extras(learner) });
  }
  return tableOf(context, plan, figures, layout);
}

/** The counts below the list of who would be flagged, for people. */
export function censusTable(census: Census, plan: SweepPlan, listed: number): string {
  const rows = [silentFor(plan), ...countRows(census, [['  an event would be emitted', listed]])];
  return table(['as of', readableInstant(plan.asOf)], rows);
}

/** What every layout has. */
export function describeLearner(learner: ListedLearner, { asOf }: SweepPlan) {
  return {
    userId: learner.user_id,
    studentId: learner.student_id,
    lastSeenAt: formatInstant(learner.last_seen_at),
    daysInactive: daysInactive(learner.last_seen_at, asOf),
    decidingSource: decidingSource(learner),
  };
}

export const USER_COLUMN: Column<ListedLearner> = {
  name: 'user_id',
  width: 36,
  cell: (learner) => printable(learner.user_id),
};

export const LAST_SEEN_COLUMNS: readonly Column<ListedLearner>[] = [
  { name: 'last seen', width: 27, cell: (learner) => formatInstant(learner.last_seen_at) },
  { name: 'days', width: 4, cell: (learner, { asOf }) => String(daysInactive(learner.last_seen_at, asOf)) },
  { name: 'deciding source', width: 20, cell: decidingSource },
];

/** Who would be flagged. */
export const AUDIENCE: Layout<DueLearner> = {
  keys: ['userId', 'studentId', 'phase', 'thresholdDays', 'lastSeenAt', 'daysInactive', 'decidingSource'],
  describe(learner, plan) {
    const { userId, studentId, ...rest } = describeLearner(learner, plan);
    return { userId, studentId, phase: learner.phase, thresholdDays: learner.threshold_days, ...rest };
  },
  columns: [USER_COLUMN, { name: 'phase', width: 7, cell: (learner) => learner.phase }, ...LAST_SEEN_COLUMNS],
};

function lastSeenBySource(learner: ListedLearner) {
  return perSource((source) => {
    const at = learner[source];
    return at === null ? null : formatInstant(at);
  });
}

/** The figures, or why they could not be computed. */
function extras({ figures, message }: WithFigures<ListedLearner>): FigureChange & { readonly message?: string } {
  return { ...figures, ...(message === undefined ? {} : { message }) };
}

const INSTANTS = SOURCES.map((source) => `${source}_at` as const);

function instantsOf(learner: ListedLearner): Readonly<Record<(typeof INSTANTS)[number], string | null>> {
  return Object.fromEntries(
    SOURCES.map((source) => [`${source}_at`, learner[source] === null ? null : formatInstant(learner[source])]),
  ) as Readonly<Record<(typeof INSTANTS)[number], string | null>>;
}

function figureColumns(figures: readonly ListedFigure[]) {
  if (figures.length === 0) return [];
  return [...figures.flatMap((name) => [name, `${name}_change`] as const), 'message' as const];
}

function tableOf<L extends ListedLearner>(
  { print }: CommandContext,
  plan: SweepPlan,
  figures: readonly ListedFigure[],
  layout: Layout<L>,
): (learner: WithFigures<L>) => void {
  const columns: readonly Column<WithFigures<L>>[] = [...layout.columns, ...figures.flatMap(figureCells)];
  let isFirst = true;
  return (learner) => {
    if (isFirst) print(line(columns.map(({ name, width }) => name.padEnd(width))));
    isFirst = false;
    const cells = columns.map(({ width, cell }) => cell(learner, plan).padEnd(width));
    print(line(learner.message === undefined ? cells : [...cells, `failed: ${learner.message}`]));
  };
}

function line(cells: readonly string[]): string {
  return cells.join('  ').trimEnd();
}

function figureCells(name: ListedFigure): readonly Column<WithFigures<ListedLearner>>[] {
  const change = `${name}_change` as const;
  return [
    { name, width: 6, cell: ({ figures }) => figures?.[name]?.toFixed(4) ?? '–' },
    { name: 'change', width: 7, cell: ({ figures }) => signed(figures?.[change]) },
  ];
}

function signed(change: number | null | undefined): string {
  if (change == null) return '–';
  return `${change < 0 ? '' : '+'}${change.toFixed(4)}`;
}
