import { formatInstant } from '../activity/instant.ts';
import { perSource, SOURCES } from '../activity/source.ts';
import { type ListFlags, openCsv } from '../cli/csv.ts';
import type { CommandContext } from '../cli/run-command.ts';
import { json, readableInstant, table } from '../cli/tables.ts';
import { daysInactive, decidingSource } from '../events/inactivity-decision.ts';
import { printable } from '../runtime/printable.ts';
import type { SweepPlan } from '../silence/plan.ts';
import type { Census } from '../sweep/episodes-store.ts';
import { countRows, silentFor } from '../sweep/sweep-page.ts';
import type { FigureChange, ListedFigure } from './figure-change.ts';
import type { Listed } from './pipeline.ts';

/** A list of learners that is printed as it is read. */
interface AudiencePage {
  add(learner: Listed): void;
  /** The counts under a table for people. Undefined for a list that programs read, which has none. */
  readonly end: ((census: Census) => void) | undefined;
}

/** As JSON, as CSV, or as a table for people. */
export function openPage(
  context: CommandContext,
  flags: ListFlags,
  plan: SweepPlan,
  figures: readonly ListedFigure[],
): AudiencePage {
  if (flags.json) return { add: (learner) => context.print(json(jsonOf(learner, plan))), end: undefined };
  if (flags.csv) {
    const add = openCsv(context, [...KEYS, ...INSTANTS, ...figureColumns(figures)]);
    return {
      add: (learner) => add({ ...describe(learner, plan), ...instantsOf(learner), ...extras(learner) }),
      end: undefined,
    };
  }
  return tablePage(context, plan, figures);
}

const KEYS = [
  'userId', 'studentId', 'phase', 'thresholdDays', 'lastSeenAt', 'daysInactive', 'decidingSource',
] as const; // biome-ignore format: columns of one kind

function describe(learner: Listed, plan: SweepPlan) {
  return {
    userId: learner.user_id,
    studentId: learner.student_id,
    phase: learner.phase,
    thresholdDays: learner.threshold_days,
    lastSeenAt: formatInstant(learner.last_seen_at),
    daysInactive: daysInactive(learner.last_seen_at, plan.asOf),
    decidingSource: decidingSource(learner),
  };
}

function jsonOf(learner: Listed, plan: SweepPlan) {
  const lastSeenBySource = perSource((source) => {
    const at = learner[source];
    return at === null ? null : formatInstant(at);
  });
  return { ...describe(learner, plan), lastSeenBySource, ...extras(learner) };
}

/** The figures, or why they could not be computed. */
function extras({ figures, message }: Listed): FigureChange & { readonly message?: string } {
  return { ...figures, ...(message === undefined ? {} : { message }) };
}

const INSTANTS = SOURCES.map((source) => `${source}_at` as const);

function instantsOf(learner: Listed): Readonly<Record<(typeof INSTANTS)[number], string | null>> {
  return Object.fromEntries(
    SOURCES.map((source) => [`${source}_at`, learner[source] === null ? null : formatInstant(learner[source])]),
  ) as Readonly<Record<(typeof INSTANTS)[number], string | null>>;
}

function figureColumns(figures: readonly ListedFigure[]) {
  if (figures.length === 0) return [];
  return [...figures.flatMap((name) => [name, `${name}_change`] as const), 'message' as const];
}

interface Column {
  readonly name: string;
  readonly width: number;
  readonly cell: (learner: Listed, plan: SweepPlan) => string;
}

const COLUMNS: readonly Column[] = [
  { name: 'user_id', width: 36, cell: (learner) => printable(learner.user_id) },
  { name: 'phase', width: 7, cell: (learner) => learner.phase },
  { name: 'last seen', width: 27, cell: (learner) => formatInstant(learner.last_seen_at) },
  { name: 'days', width: 4, cell: (learner, { asOf }) => String(daysInactive(learner.last_seen_at, asOf)) },
  { name: 'deciding source', width: 20, cell: decidingSource },
];

function tablePage({ print }: CommandContext, plan: SweepPlan, figures: readonly ListedFigure[]): AudiencePage {
  const columns = [...COLUMNS, ...figures.flatMap(figureCells)];
  let listed = 0;
  return {
    add(learner) {
      if (listed === 0) print(line(columns.map(({ name, width }) => name.padEnd(width))));
      listed += 1;
      const cells = columns.map(({ width, cell }) => cell(learner, plan).padEnd(width));
      print(line(learner.message === undefined ? cells : [...cells, `failed: ${learner.message}`]));
    },
    end(census) {
      const rows = [silentFor(plan), ...countRows(census, [['  an event would be emitted', listed]])];
      print('');
      print(table(['as of', readableInstant(plan.asOf)], rows));
    },
  };
}

function line(cells: readonly string[]): string {
  return cells.join('  ').trimEnd();
}

function figureCells(name: ListedFigure): readonly Column[] {
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
