import type { StudentId } from '../activity/activity.ts';
import type { Instant } from '../activity/instant.ts';
import { INSTANTS_BY_SOURCE } from '../activity/source.ts';
import type { LastSeenBySource, Phase } from '../events/inactivity-decision.ts';
import type { Computed } from '../events/kpi-updated-event.ts';
import type { Queryable } from '../postgres/database.ts';

/** The learner's row of `user_last_seen`. */
export interface LastSeenRow {
  readonly userId: string | null;
  readonly bySource: LastSeenBySource;
  readonly lastSeenAt: Instant;
}

export async function readLastSeen(database: Queryable, studentId: StudentId): Promise<LastSeenRow | undefined> {
  const { rows } = await database.query<LastSeenBySource & { userId: string | null; lastSeenAt: Instant }>({
    text: `
SELECT user_id AS "userId", last_seen_at AS "lastSeenAt", ${INSTANTS_BY_SOURCE}
FROM lastseen.user_last_seen WHERE student_id = $1`,
    values: [studentId],
  });
  const [row] = rows;
  if (row === undefined) return undefined;
  const { userId, lastSeenAt, ...bySource } = row;
  return { userId, lastSeenAt, bySource };
}

/** The user_ids of these learners. */
export async function readUserIds(
  database: Queryable,
  studentIds: readonly StudentId[],
  limit: number,
): Promise<readonly string[]> {
  const { rows } = await database.query<{ userId: string }>({
    text: `
SELECT user_id AS "userId" FROM lastseen.user_last_seen
WHERE student_id = ANY ($1::uuid[]) AND user_id IS NOT NULL
ORDER BY user_id LIMIT $2`,
    values: [studentIds, limit],
  });
  return rows.map(({ userId }) => userId);
}

export interface EpisodeRow {
  readonly thresholdDays: number;
  readonly lastSeenAt: Instant;
  readonly crossedAsOf: Instant;
  readonly newestAsOf: Instant;
  /** `YYYY-MM-DD` */
  readonly notedOn: string;
  /** Recorded without an event: a higher threshold was crossed at the same time. */
  readonly passed: boolean;
  readonly returnedAsOf: Instant | null;
  /** How often it was reopened after a return. */
  readonly reopenings: number;
}

/** The learner's episodes, newest first. */
export async function readEpisodes(database: Queryable, studentId: StudentId): Promise<readonly EpisodeRow[]> {
  const { rows } = await database.query<EpisodeRow>({
    text: `
SELECT threshold_days AS "thresholdDays", last_seen_at AS "lastSeenAt", crossed_as_of AS "crossedAsOf",
  newest_as_of AS "newestAsOf", noted_on AS "notedOn", passed, returned_as_of AS "returnedAsOf",
  reopenings
FROM lastseen.episode WHERE student_id = $1
ORDER BY last_seen_at DESC, threshold_days DESC`,
    values: [studentId],
  });
  return rows;
}

/** The learner's open dead letters. */
export async function readOpenLetters(
  database: Queryable,
  studentId: StudentId,
): Promise<readonly { readonly latestActivityAt: Instant | null }[]> {
  const { rows } = await database.query<{ latestActivityAt: Instant | null }>({
    text: `
SELECT latest_activity_at AS "latestActivityAt" FROM lastseen.dead_letter
WHERE student_id = $1 AND closed_at IS NULL`,
    values: [studentId],
  });
  return rows;
}

export interface EventRow {
  readonly phase: Phase;
  readonly thresholdDays: number;
  readonly lastSeenAt: Instant;
  readonly asOf: Instant;
  readonly reopenings: number;
  readonly publishedAt: Instant | null;
}

/** The learner's newest inactivity events, newest first. */
export async function readEvents(
  database: Queryable,
  studentId: StudentId,
  limit: number | null,
): Promise<readonly EventRow[]> {
  const { rows } = await database.query<EventRow>({
    text: `
SELECT phase, threshold_days AS "thresholdDays", last_seen_at AS "lastSeenAt", as_of AS "asOf",
  reopenings, published_at AS "publishedAt"
FROM lastseen.inactivity_outbox WHERE student_id = $1
ORDER BY seq DESC LIMIT $2`,
    values: [studentId, limit],
  });
  return rows;
}

export interface AnswerRow {
  readonly causeEventId: string;
  /** `YYYY-MM-DD` */
  readonly weekStart: string;
  readonly asOf: Instant;
  readonly computed: Computed;
  readonly p: number | null;
  readonly s: number | null;
  readonly previousP: number | null;
  readonly previousS: number | null;
  readonly recordedAt: Instant;
}

/** What recompute wrote for the learner's newest events: the figures before and after, newest first. */
export async function readAnswers(
  database: Queryable,
  userId: string,
  limit: number | null,
): Promise<readonly AnswerRow[]> {
  const { rows } = await database.query<AnswerRow>({
    text: `
SELECT cause_event_id AS "causeEventId", week_start AS "weekStart", as_of AS "asOf", computed, p, s,
  previous_p AS "previousP", previous_s AS "previousS", recorded_at AS "recordedAt"
FROM lastseen.kpi_ledger WHERE user_id = $1
ORDER BY as_of DESC, seq DESC LIMIT $2`,
    values: [userId, limit],
  });
  return rows;
}

/** `kpis` of the learner's weekly row, as JSON text; undefined if there is no row. */
export async function readWeeklyKpis(
  database: Queryable,
  userId: string,
  weekStart: string,
): Promise<string | null | undefined> {
  const { rows } = await database.query<{ kpis: string | null }>({
    text: 'SELECT kpis::text AS kpis FROM weekly_kpi WHERE user_id = $1 AND week_start = $2',
    values: [userId, weekStart],
  });
  return rows[0]?.kpis;
}
