import { formatInstant, type Instant } from '../activity/instant.ts';
import { SOURCES } from '../activity/source.ts';
import { openCsv } from '../cli/csv.ts';
import type { CommandContext } from '../cli/run-command.ts';
import { table } from '../cli/tables.ts';
import type { SweepPlan } from '../silence/plan.ts';
import type { Explanation } from './explain-pipeline.ts';
import { timeLine } from './time-line.ts';

/** An explanation for people, one block per question. */
export function explanationPage(explanation: Explanation, plan: SweepPlan): string {
  return [
    headingBlock(explanation, plan),
    lastSeenBlock(explanation),
    gatesBlock(explanation),
    historyBlock(explanation),
    probabilityBlock(explanation),
    riskBlock(explanation),
    answersBlock(explanation),
  ].join('\n\n');
}

/** The learner's time line as CSV, oldest first. */
export function writeTimeLine(context: CommandContext, explanation: Explanation): void {
  const { userId, studentId } = explanation;
  const add = openCsv(context, TIME_LINE_COLUMNS);
  for (const moment of timeLine(explanation)) {
    add({
      ...moment,
      userId,
      studentId,
      at: formatInstant(moment.at),
      lastSeenAt: cell(moment.lastSeenAt),
      publishedAt: cell(moment.publishedAt),
      recordedAt: cell(moment.recordedAt),
    });
  }
}

const TIME_LINE_COLUMNS = [
  'userId', 'studentId', 'at', 'what', 'source', 'thresholdDays', 'lastSeenAt', 'eventId', 'publishedAt',
  'weekStart', 'computed', 'previousP', 'p', 'previousS', 's', 'recordedAt',
] as const; // biome-ignore format: columns of one kind

function cell(at: Instant | null | undefined): string | null {
  return at == null ? null : formatInstant(at);
}

function headingBlock({ userId, studentId, asOf, missingTables }: Explanation, plan: SweepPlan): string {
  return table(
    ['learner', userId ?? '(no user_id known)'],
    [
      ['student_id', studentId],
      ['as of', formatInstant(asOf)],
      ['thresholds', `${plan.thresholds.join(', ')} days, lookback ${plan.lookbackDays} days`],
      ...(missingTables === null ? [] : [['not shown', `what own tables contain: ${missingTables}`]]),
    ],
  );
}

function lastSeenBlock({ lastSeen: { inTable, inSources } }: Explanation): string {
  const rows = SOURCES.map((source) => [
    `${source}${inTable?.decidedBy === source ? ' (decides)' : ''}`,
    instant(inTable?.bySource[source]),
    instant(inSources.bySource[source]),
  ]);
  return table(
    ['last seen', 'in the table, now', 'in the source tables, up to the as-of'],
    [...rows, ['all sources', instant(inTable?.at), instant(inSources.at)]],
  );
}

function gatesBlock({ gates, phase, thresholdDays }: Explanation): string {
  const rows = gates.map(({ gate, passed, why }) => [gate, passed === null ? '–' : passed ? 'passed' : 'failed', why]);
  const verdict = phase === null ? 'a sweep emits no event' : `a sweep emits ${phase} at ${thresholdDays} days`;
  return `${table(['gate', 'result', 'why'], rows)}\n${verdict}`;
}

function historyBlock({ episodes, events }: Explanation): string {
  const eventRows = events.map((event) => [
    `${event.phase} at ${event.thresholdDays} days`,
    instant(event.lastSeenAt),
    instant(event.asOf),
    instant(event.publishedAt),
  ]);
  const episodeRows = episodes.map((episode) => [
    [
      `${episode.thresholdDays} days`,
      ...(episode.passed ? ['crossed together with a higher one'] : []),
      ...(episode.reopenings > 0 ? [`reopened ${episode.reopenings} times`] : []),
    ].join(', '),
    instant(episode.lastSeenAt),
    instant(episode.crossedAsOf),
    episode.notedOn,
    instant(episode.returnedAsOf),
  ]);
  return [
    tableOrNone('episodes', ['episode', 'last seen', 'crossed as of', 'noted on', 'returned as of'], episodeRows),
    tableOrNone('events', ['event, newest first', 'last seen', 'as of', 'published'], eventRows),
  ].join('\n\n');
}

function probabilityBlock({ p, profile }: Explanation): string {
  const { ability, interval, line, z } = p;
  return table(
    ['P', figure(p.value), `by the rule ${p.rule}`],
    [
      ['day', p.day, `profile ${profile}, horizon ${p.horizonDays} days`],
      ['90 % interval', interval ? `${figure(interval.low)} to ${figure(interval.high)}` : '–', insufficient(p)],
      [
        'ability',
        ability ? `${ability.mean} ± ${ability.sd}` : '–',
        `${p.observations} usable rows of ability_estimates in 26 weeks`,
      ],
      ['target', String(p.target), ''],
      ...(line === null ? [] : [['line at the horizon', `${line.mean} ± ${line.sd}`, 'from the growth fit']]),
      ...(p.growth?.predicted == null ? [] : [['growth service', figure(p.growth.predicted), '']]),
      ...(p.growth?.storedP == null ? [] : [['stored P', p.growth.storedP, '']]),
      ...(z === null ? [] : [['margin in sd', z.value.toFixed(6), marginShares(z)]]),
    ],
  );
}

function marginShares({ fromAbility, fromTarget }: NonNullable<Explanation['p']['z']>): string {
  return `${fromAbility.toFixed(6)} of the ability, ${fromTarget.toFixed(6)} of the target`;
}

function insufficient({ interval }: Explanation['p']): string {
  return interval?.insufficientData ? 'insufficient data: fewer than three usable rows' : '';
}

function riskBlock({ s, profile }: Explanation): string {
  const { terms, exams } = s;
  const horizonDays = Math.max(1, s.horizonDays);
  if (terms === null) return table(['S', '–', 'not seen up to the as-of'], []);
  return table(
    ['S', figure(s.value), 'the sum of these'],
    [
      ['day', s.day, `profile ${profile}, horizon ${s.horizonDays} days; as recompute refreshes an existing row`],
      [
        'silence',
        figure(terms.silence),
        `0.6 · ${terms.silentDays} days of ${horizonDays}${capped(terms.silentDays > horizonDays)}`,
      ],
      ['gaps', figure(terms.gaps), gapText(terms.meanGapDays, exams.count)],
      [
        'sessions',
        figure(terms.sessions),
        `0.15 · (1 − ${exams.sessions} of 10 sessions${capped(exams.sessions > 10)})`,
      ],
    ],
  );
}

/** No exam counts as a week between exams. */
function gapText(meanGapDays: number, exams: number): string {
  if (exams === 0) return '0.25 · no exam, which counts as 7 days of 7';
  return `0.25 · ${meanGapDays.toFixed(3)} days between ${exams} exams, of 7${capped(meanGapDays > 7)}`;
}

function capped(isCapped: boolean): string {
  return isCapped ? ', capped at 1' : '';
}

function answersBlock({ answers, weekStart, weeklyKpis }: Explanation): string {
  const rows = answers.map((answer) => [
    instant(answer.asOf),
    answer.weekStart,
    answer.computed,
    `${figure(answer.previousP)} → ${figure(answer.p)}`,
    `${figure(answer.previousS)} → ${figure(answer.s)}`,
  ]);
  return [
    tableOrNone('answers', ['answered as of', 'week', 'computed', 'P before → after', 'S before → after'], rows),
    `weekly_kpi of ${weekStart}: ${weeklyKpis ?? 'no row'}`,
  ].join('\n\n');
}

function tableOrNone(what: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? `${what}: none` : table(head, rows);
}

function instant(at: Instant | null | undefined): string {
  return at == null ? '–' : formatInstant(at);
}

function figure(value: number | null): string {
  return value === null ? '–' : value.toFixed(6);
}
