import { formatInstant, type Instant } from '../activity/instant.ts';
import { SOURCES } from '../activity/source.ts';
import { table } from '../cli/tables.ts';
import type { SweepPlan } from '../silence/plan.ts';
import type { Explanation } from './explain-pipeline.ts';

/** An explanation for people: one block a question, each answered by what decides it. */
export function explanationPage(explanation: Explanation, plan: SweepPlan): string {
  return [
    heading(explanation, plan),
    lastSeen(explanation),
    gates(explanation),
    history(explanation),
    probability(explanation),
    risk(explanation),
    answers(explanation),
  ].join('\n\n');
}

function heading({ userId, studentId, asOf }: Explanation, plan: SweepPlan): string {
  return table(
    ['learner', userId ?? '(no user_id known)'],
    [
      ['student_id', studentId],
      ['as of', formatInstant(asOf)],
      ['thresholds', `${plan.thresholds.join(', ')} days, lookback ${plan.lookbackDays} days`],
    ],
  );
}

function lastSeen({ lastSeen: { inTable, inSources } }: Explanation): string {
  const rows = SOURCES.map((source) => [
    `${source}${inTable?.decidedBy === source ? ' (decides)' : ''}`,
    instant(inTable?.bySource[source]),
    instant(inSources.bySource[source]),
  ]);
  return table(
    ['last seen', 'in the table, now', 'in the source tables, until the as-of'],
    [...rows, ['over all', instant(inTable?.at), instant(inSources.at)]],
  );
}

function gates({ gates, phase, thresholdDays }: Explanation): string {
  const rows = gates.map(({ gate, passed, why }) => [gate, passed === null ? '–' : passed ? 'passed' : 'failed', why]);
  const verdict = phase === null ? 'a sweep says nothing' : `a sweep says ${phase} at ${thresholdDays} days`;
  return `${table(['gate', 'result', 'why'], rows)}\n${verdict}`;
}

function history({ episodes, events }: Explanation): string {
  const told = events.map((event) => [
    `${event.phase} at ${event.thresholdDays} days`,
    instant(event.lastSeenAt),
    instant(event.asOf),
    instant(event.publishedAt),
  ]);
  const silences = episodes.map((episode) => [
    `${episode.thresholdDays} days${episode.passed ? ', passed with a higher one' : ''}`,
    instant(episode.lastSeenAt),
    instant(episode.crossedAsOf),
    episode.notedOn,
    instant(episode.returnedAsOf),
  ]);
  return [
    orNone('episodes', ['episode', 'last seen', 'crossed as of', 'noted on', 'returned as of'], silences),
    orNone('events', ['event, newest first', 'last seen', 'as of', 'published'], told),
  ].join('\n\n');
}

function probability({ p }: Explanation): string {
  const { ability, interval, line, z } = p;
  return table(
    ['P', figure(p.value), `by the rule ${p.rule}`],
    [
      ['90 % interval', interval ? `${figure(interval.low)} to ${figure(interval.high)}` : '–', insufficient(p)],
      ['ability', ability ? `${ability.mean} ± ${ability.sd}` : '–', `${p.observations} usable rows in 26 weeks`],
      ['target', String(p.target), ''],
      ...(line === null ? [] : [['line at the horizon', `${line.mean} ± ${line.sd}`, 'from the growth fit']]),
      ...(p.growth?.predicted == null ? [] : [['growth service', figure(p.growth.predicted), '']]),
      ...(p.growth?.storedP == null ? [] : [['stored P', p.growth.storedP, '']]),
      ...(z === null
        ? []
        : [
            [
              'margin in sd',
              z.value.toFixed(6),
              `${z.ofAbility.toFixed(6)} of the ability, ${z.ofTarget.toFixed(6)} of the target`,
            ],
          ]),
    ],
  );
}

function insufficient({ interval }: Explanation['p']): string {
  return interval?.insufficientData ? 'insufficient data: fewer than three usable rows' : '';
}

function risk({ s }: Explanation): string {
  const { terms, exams, horizonDays } = s;
  if (terms === null) return table(['S', '–', 'never seen until the as-of'], []);
  return table(
    ['S', figure(s.value), 'the sum of these'],
    [
      ['silence', figure(terms.silence), `0.6 · ${terms.silentDays} days of ${Math.max(1, horizonDays)}`],
      ['gaps', figure(terms.gaps), `0.25 · ${terms.meanGapDays.toFixed(3)} days between ${exams.count} exams, of 7`],
      ['sessions', figure(terms.sessions), `0.15 · what ${exams.sessions} sessions lack of 10`],
    ],
  );
}

function answers({ answers, weekStart, weeklyKpis }: Explanation): string {
  const rows = answers.map((answer) => [
    instant(answer.asOf),
    answer.weekStart,
    answer.computed,
    `${figure(answer.previousP)} → ${figure(answer.p)}`,
    `${figure(answer.previousS)} → ${figure(answer.s)}`,
  ]);
  return [
    orNone('answers', ['answered as of', 'week', 'computed', 'P before → after', 'S before → after'], rows),
    `weekly_kpi of ${weekStart}: ${weeklyKpis ?? 'no row'}`,
  ].join('\n\n');
}

function orNone(what: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  return rows.length === 0 ? `${what}: none` : table(head, rows);
}

function instant(at: Instant | null | undefined): string {
  return at == null ? '–' : formatInstant(at);
}

function figure(value: number | null): string {
  return value === null ? '–' : value.toFixed(6);
}
