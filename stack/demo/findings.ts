import { formatInstant, type Instant } from '../../src/activity/instant.ts';
import type { Queryable } from '../../src/postgres/database.ts';
import type { Window } from './proof.ts';

/** Results for the report, read from lastseen's own tables. */

export interface SilentDay {
  /** Whole 24-hour days from last seen to the as-of. */
  readonly days: number;
  readonly learners: number;
}

/** Learners by days silent, from the threshold up to the lookback; days without learners are left out. */
export async function readSilence(db: Queryable, window: Window): Promise<SilentDay[]> {
  const { rows } = await db.query<SilentDay>({
    text: `SELECT days, count(*)::int AS learners
      FROM (SELECT floor(extract(epoch FROM $1::timestamptz - last_seen_at) / 86400)::int AS days
        FROM lastseen.user_last_seen
        WHERE last_seen_at <= $1::timestamptz - make_interval(hours => 24 * $2)
          AND last_seen_at > $1::timestamptz - make_interval(hours => 24 * $3)) silent
      GROUP BY days ORDER BY days`,
    values: [formatInstant(window.asOf), window.thresholdDays, window.lookbackDays],
  });
  return rows;
}

export interface AtRisk {
  readonly userId: string;
  readonly lastSeenAt: Instant;
  readonly s: number | null;
  readonly previousS: number | null;
  readonly p: number | null;
  readonly previousP: number | null;
}

/** The ten learners with the highest S; of equal ones those with the lowest P, then those silent the longest. */
export async function readHighestRisk(db: Queryable): Promise<AtRisk[]> {
  const { rows } = await db.query<AtRisk>({
    text: `SELECT user_id AS "userId", last_seen_at AS "lastSeenAt", s, previous_s AS "previousS", p, previous_p AS "previousP"
      FROM lastseen.kpi_ledger JOIN lastseen.inactivity_outbox USING (user_id)
      ORDER BY s DESC NULLS LAST, p NULLS LAST, last_seen_at, user_id LIMIT 10`,
  });
  return rows;
}

export async function countTracked(db: Queryable): Promise<number> {
  const { rows } = await db.query<{ tracked: number }>({
    text: 'SELECT count(*)::int AS tracked FROM lastseen.user_last_seen',
  });
  return rows[0]?.tracked ?? 0;
}
