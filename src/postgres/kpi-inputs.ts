import type { StudentId } from '../activity/activity.ts';
import { formatInstant, type Instant } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
import { type Exams, examWindow, NO_EXAMS } from '../kpi/churn-risk.ts';
import type { Ability } from '../kpi/goal-probability.ts';
import type { MetricsPolicy } from '../kpi/policy.ts';
import type { Queryable } from './database.ts';
import { newestAbilities, newestUsableAbilities } from './kpi-abilities.ts';
import { lastSeenInSources, lastSeenInTable } from './kpi-last-seen.ts';

export interface KpiLearner {
  readonly userId: string;
  readonly studentId: StudentId;
  readonly asOf: Instant;
}

/** What P and S of one learner are computed from. */
export interface KpiInputs {
  readonly ability: Ability | null;
  /** The goal's level; null where the learner has none, or goals are not asked for. */
  readonly goalTarget: number | null;
  readonly exams: Exams;
  /** Over all sources, not after the as-of; null where the policy does not ask for it. */
  readonly lastSeenAt: Instant | null;
}

export interface KpiInputOptions {
  readonly policy: MetricsPolicy;
  readonly sources: readonly Source[];
  /** `exam_results`: attempts are derived from exam results, and there is no `attempt` to read. */
  readonly attemptSource: 'topic' | 'exam_results';
  readonly targetFrom: 'default' | 'interest_goal';
}

/**
 * Loads the inputs of a batch, in the order of `learners`. The number of queries depends on the options, and on whether
 * the table of last seen can answer for everybody, never on the number of learners. The as-of may differ a learner.
 */
export async function loadKpiInputs(
  source: Queryable,
  lastseen: Queryable,
  learners: readonly KpiLearner[],
  options: KpiInputOptions,
): Promise<KpiInputs[]> {
  if (learners.length === 0) return [];
  // One after the other: `source` may be a single connection.
  const abilities = await loadAbilities(source, learners, options.policy);
  const exams = await examsInWindow(source, learners);
  const lastSeen = await loadLastSeen(source, lastseen, learners, options);
  const targets = await loadTargets(source, learners, options.targetFrom);
  return learners.map((_, position) => ({
    ability: abilities.get(position) ?? null,
    goalTarget: targets.get(position) ?? null,
    exams: exams.get(position) ?? NO_EXAMS,
    lastSeenAt: lastSeen.get(position) ?? null,
  }));
}

function loadAbilities(source: Queryable, learners: readonly KpiLearner[], policy: MetricsPolicy) {
  switch (policy.abilityRow) {
    case 'newest_usable':
      return newestUsableAbilities(source, learners);
    case 'newest':
      return newestAbilities(source, learners);
  }
}

async function loadTargets(
  source: Queryable,
  learners: readonly KpiLearner[],
  from: KpiInputOptions['targetFrom'],
): Promise<ReadonlyMap<number, number>> {
  switch (from) {
    case 'default':
      return new Map();
    case 'interest_goal':
      return goalTargets(source, learners);
  }
}

/** The table answers where it can; only for those it cannot are the sources read. */
async function loadLastSeen(
  source: Queryable,
  lastseen: Queryable,
  learners: readonly KpiLearner[],
  options: KpiInputOptions,
): Promise<ReadonlyMap<number, Instant>> {
  switch (options.policy.silentSince) {
    case 'newest_exam':
      return new Map();
    case 'last_seen':
      break;
  }
  const known = await lastSeenInTable(lastseen, learners);
  const open = learners.flatMap((learner, position) => (known.has(position) ? [] : [{ learner, position }]));
  if (open.length === 0) return known;
  const found = await lastSeenInSources(
    source,
    open.map(({ learner }) => learner),
    sourcesToRead(options),
  );
  return new Map([
    ...known,
    ...open.flatMap(({ position }, index) => {
      const at = found.get(index);
      return at === undefined ? [] : [[position, at] as const];
    }),
  ]);
}

/** Attempts derived from exam results happen at the exam's instant. */
function sourcesToRead({ sources, attemptSource }: KpiInputOptions): ReadonlySet<Source> {
  if (attemptSource === 'topic') return new Set(sources);
  return new Set(sources.map((source) => (source === 'attempt' ? 'exam_results' : source)));
}

interface ExamsRow {
  readonly position: number;
  readonly count: number;
  readonly first: Instant;
  readonly newest: Instant;
  readonly sessions: number;
}

async function examsInWindow(source: Queryable, learners: readonly KpiLearner[]): Promise<ReadonlyMap<number, Exams>> {
  const windows = learners.map(({ asOf }) => examWindow(asOf));
  const { rows } = await source.query<ExamsRow>({
    text: `
SELECT learner.position::int - 1 AS position, count(*)::int AS count, min(exam.at) AS first, max(exam.at) AS newest,
  count(DISTINCT exam.session_id)::int AS sessions
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[])
  WITH ORDINALITY AS learner (user_id, window_from, window_through, position)
JOIN (SELECT user_id, session_id, coalesce(updated_at, created_at) AS at FROM exam_results) AS exam
  ON exam.user_id = learner.user_id AND exam.at BETWEEN learner.window_from AND learner.window_through
GROUP BY learner.position`,
    values: [
      learners.map(({ userId }) => userId),
      windows.map(({ from }) => formatInstant(from)),
      windows.map(({ through }) => formatInstant(through)),
    ],
  });
  return new Map(rows.map(({ position, ...exams }) => [position, exams]));
}

/** Of each learner's goals that have a level, that of the lowest priority number; of equal ones the first topic's. */
async function goalTargets(source: Queryable, learners: readonly KpiLearner[]): Promise<ReadonlyMap<number, number>> {
  const { rows } = await source.query<{ position: number; target: number }>({
    text: `
SELECT DISTINCT ON (learner.position) learner.position::int - 1 AS position, goal.target_level::float8 AS target
FROM unnest($1::text[]) WITH ORDINALITY AS learner (user_id, position)
JOIN interest_goal AS goal ON goal.user_id = learner.user_id AND goal.target_level < 'NaN'
ORDER BY learner.position, goal.priority NULLS LAST, goal.topic_id COLLATE "C"`,
    values: [learners.map(({ userId }) => userId)],
  });
  return new Map(rows.map(({ position, target }) => [position, target]));
}
