import type { Instant } from '../../activity/instant.ts';
import type { Source } from '../../activity/source.ts';
import { textArray, windowArrays } from '../../postgres/arrays.ts';
import type { Queryable } from '../../postgres/database.ts';
import { type Exams, examWindow, NO_EXAMS } from '../figures/churn-risk.ts';
import type { KpiInputOptions, KpiLearner } from './goal-store.ts';
import { lastSeenInSources, lastSeenInTable } from './last-seen-store.ts';

/** Inputs of one learner's S. */
export interface SilenceInputs {
  readonly exams: Exams;
  /** Over all sources, not after the as-of; null if the policy does not use it. */
  readonly lastSeenAt: Instant | null;
}

type SilenceOptions = Pick<KpiInputOptions, 'policy' | 'sources' | 'attemptSource'>;

/**
 * Loads the inputs of S for a batch, in the order of `learners`. The number of queries depends on the options, and on
 * whether all learners are in the table of last seen, never on the number of learners.
 */
export async function loadSilenceInputs(
  source: Queryable,
  lastseen: Queryable,
  learners: readonly KpiLearner[],
  options: SilenceOptions,
): Promise<SilenceInputs[]> {
  const exams = await examsInWindow(source, learners);
  const lastSeen = await loadLastSeen(source, lastseen, learners, options);
  return learners.map((_, position) => ({
    exams: exams.get(position) ?? NO_EXAMS,
    lastSeenAt: lastSeen.get(position) ?? null,
  }));
}

/** The source tables are read only for learners that the table of last seen does not have. */
async function loadLastSeen(
  source: Queryable,
  lastseen: Queryable,
  learners: readonly KpiLearner[],
  options: SilenceOptions,
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
function sourcesToRead({ sources, attemptSource }: SilenceOptions): ReadonlySet<Source> {
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
JOIN (
  SELECT user_id, session_id, coalesce(updated_at, created_at) AS at FROM exam_results WHERE user_id = ANY ($1)
) AS exam
  ON exam.user_id = learner.user_id AND exam.at BETWEEN learner.window_from AND learner.window_through
GROUP BY learner.position`,
    values: [textArray(learners.map(({ userId }) => userId)), ...windowArrays(windows)],
  });
  return new Map(rows.map(({ position, ...exams }) => [position, exams]));
}
