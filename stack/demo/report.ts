import { formatInstant } from '../../src/activity/instant.ts';
import { SOURCES } from '../../src/activity/source.ts';
import { json, table } from '../../src/cli/tables.ts';
import { daysInactive } from '../../src/events/inactivity-decision.ts';
import { type Check, checksOf } from './checks.ts';
import type { SilentDay } from './findings.ts';
import { PUBLISHED } from './published.ts';
import type { DemoResult } from './result.ts';

/** The report at the end of the demo. */
export function page(result: DemoResult): string {
  const sections = [
    `${result.origin}\nas of ${formatInstant(result.asOf)}, threshold ${result.thresholdDays} days, lookback ${result.lookbackDays} days${result.variant.map((line) => `\n${line}`).join('')}`,
    recordsSection(result),
    learnersSection(result),
    ...heldSection(result),
    histogram(result.silence, result.thresholdDays, result.lookbackDays),
    riskSection(result),
    ...(result.published === undefined ? [] : [publishedSection(result)]),
    checksSection(checksOf(result)),
    `Duration\n${table(
      ['step', 's'],
      result.timings.map(({ step, seconds }) => [step, seconds.toFixed(1)]),
    )}\n${result.timings.reduce((sum, { seconds }) => sum + seconds, 0).toFixed(1)} s in total`,
    nextSection(result),
  ];
  return `\n${sections.join('\n\n')}\n`;
}

/** The report and its checks as one JSON object. Instants are ISO 8601 with microseconds. */
export function pageJson(result: DemoResult): string {
  const checks = checksOf(result);
  return json({
    ...result,
    asOf: formatInstant(result.asOf),
    highestRisk: result.highestRisk.map((learner) => ({ ...learner, lastSeenAt: formatInstant(learner.lastSeenAt) })),
    checks,
    passed: checks.every(({ passed }) => passed),
  });
}

function recordsSection({ sources }: DemoResult): string {
  const rows = SOURCES.flatMap((source) =>
    Object.entries(sources[source].outcomes).map(([outcome, records], index) => [
      index === 0 ? source : '',
      index === 0 ? format(sources[source].rows) : '',
      outcome,
      format(records),
    ]),
  );
  return `Records\n${table(['source', 'rows', 'outcome', 'records'], rows)}`;
}

function learnersSection({ learners, tracked, sweep, recompute }: DemoResult): string {
  return `Learners\n${table(
    ['learners, events, rows', 'count'],
    [
      ['known to the platform', format(learners)],
      ['with activity (tracked)', format(tracked)],
      ['active', format(sweep.active)],
      ['inactive', format(sweep.inactive)],
      ['  crossed the threshold', format(sweep.crossed)],
      ['  still inactive (ongoing)', format(sweep.ongoing)],
      ['  unresolved (known by student_id only)', format(sweep.unresolved)],
      ['  doubtful (with an open dead letter)', format(sweep.doubtful)],
      ['undecidable (seen after the as-of)', format(sweep.undecidable)],
      ['events published', format(sweep.published)],
      ['weekly rows updated', format(recompute['updated'] ?? 0)],
      ['weekly rows created', format(recompute['created'] ?? 0)],
      ['weekly rows already correct', format(recompute['unchanged'] ?? 0)],
    ],
  )}`;
}

function heldSection({ sweep: { heldBecause } }: DemoResult): string[] {
  if (heldBecause === undefined) return [];
  return [
    `Held, then approved\n${heldBecause}.\nThe sweep ended with exit code 3. The demo then ran \`lastseen sweep approve\`, as an operator would.`,
  ];
}

const BAR_WIDTH = 50;

/** One row per day without activity, from the threshold to the lookback, with a bar for its learners. */
export function histogram(silence: readonly SilentDay[], thresholdDays: number, lookbackDays: number): string {
  const byDays = new Map(silence.map(({ days, learners }) => [days, learners]));
  const most = Math.max(1, ...byDays.values());
  const rows = Array.from({ length: lookbackDays - thresholdDays }, (_, index) => {
    const days = thresholdDays + index;
    const learners = byDays.get(days) ?? 0;
    const bar = learners === 0 ? '' : '█'.repeat(Math.max(1, Math.round((learners / most) * BAR_WIDTH)));
    return `${String(days).padStart(4)}  ${String(learners).padStart(5)}  ${bar}`.trimEnd();
  });
  return `Inactive learners by days without activity\ndays  learners\n${rows.join('\n')}`;
}

function riskSection({ highestRisk, asOf }: DemoResult): string {
  const rows = highestRisk.map((learner) => [
    learner.userId,
    formatInstant(learner.lastSeenAt).slice(0, 16).replace('T', ' '),
    daysInactive(learner.lastSeenAt, asOf),
    change(learner.previousS, learner.s),
    change(learner.previousP, learner.p),
  ]);
  return `Highest churn risk\n${table(['learner', 'last seen', 'days', 'S before → after', 'P before → after'], rows)}`;
}

function change(before: number | null, now: number | null): string {
  const figure = (value: number | null) => (value === null ? '–' : value.toFixed(3));
  return `${figure(before)} → ${figure(now ?? before)}`;
}

function publishedSection({ published, tracked, sweep }: DemoResult): string {
  const rows = PUBLISHED.map((figures) => [
    figures.date,
    figures.thresholdDays,
    format(figures.seen),
    figures === published ? format(tracked) : '',
    format(figures.flagged),
    figures === published ? format(sweep.inactive) : '',
  ]);
  return `Figures published with the files, and this run\n${table(
    ['as of', 'threshold', 'seen', 'this run', 'flagged', 'this run'],
    rows,
  )}`;
}

function checksSection(checks: readonly Check[]): string {
  const lines = checks.map(({ name, passed, detail }) => `  ${passed ? '✔' : '✘'} ${name}\n      ${detail}`);
  const failed = checks.filter(({ passed }) => !passed).length;
  return `Checks\n${lines.join('\n')}\n${failed === 0 ? 'All passed.' : `${failed} failed.`}`;
}

function nextSection({ thresholdDays }: DemoResult): string {
  return [
    'Next',
    '  npm run demo -- --tour                     six commands of a day; one brings a learner back',
    '  npm run demo -- --keep                     keep it all running, and run them yourself',
    `  npm run demo -- --threshold ${thresholdDays === 14 ? '7 ' : '14'}             another threshold`,
    '  npm run demo -- --learners 500 --seed 2    fewer and other learners',
    '  npm run demo -- --own-database             own tables in another database',
    '  npm run demo -- --data DIR                 real learners: the OULAD files of 2013',
    '  npm run lastseen -- --help                 all commands',
  ].join('\n');
}

const format = (count: number): string => count.toLocaleString('en');
