import type { Queryable } from '../../src/postgres/database.ts';

/** Rows of the platform's tables, by column name. An absent column is null. */
export interface PlatformRows {
  readonly exam_results: {
    id: string;
    session_id: string;
    user_id: string;
    result_json?: unknown;
    created_at: string;
    updated_at?: string | null;
  };
  readonly features_topic_daily: { user_id: string; topic_id: string; date: string; last_seen_at: string | null };
  readonly attempt: {
    id: number;
    student_id: string;
    item_id?: number | null;
    topic_id?: string | null;
    correct?: boolean | null;
    response_time_ms?: number | null;
    hint_used?: boolean | null;
    session_id?: string | null;
    completed_at: string | null;
  };
  readonly session: { id: string; user_id: string; started_at: string | null; ended_at?: string | null };
  readonly ability_estimates: {
    user_id: string;
    mean: number | string | null;
    sd: number | string | null;
    fitted_at?: string | null;
    updated_at?: string | null;
    created_at?: string | null;
  };
  readonly interest_goal: {
    user_id: string;
    topic_id: string;
    target_level: number | string | null;
    priority: number | null;
  };
  readonly mirt_ability: {
    user_id: string;
    fitted_at: string;
    theta: number | string | null;
    se: number | string | null;
  };
  readonly student_topic_theta: {
    user_id: string;
    topic_id: string;
    theta: number | string | null;
    se: number | string | null;
    fitted_at: string | null;
  };
  readonly growth_brms_meta: { run_id: string; posterior_summary: unknown; fitted_at: string | null };
}

const INSERTS: Readonly<Record<keyof PlatformRows, string>> = {
  exam_results: 'INSERT INTO exam_results SELECT * FROM jsonb_populate_recordset(NULL::exam_results, $1)',
  features_topic_daily:
    'INSERT INTO features_topic_daily SELECT * FROM jsonb_populate_recordset(NULL::features_topic_daily, $1)',
  attempt: 'INSERT INTO attempt SELECT * FROM jsonb_populate_recordset(NULL::attempt, $1)',
  session: 'INSERT INTO session SELECT * FROM jsonb_populate_recordset(NULL::session, $1)',
  ability_estimates:
    'INSERT INTO ability_estimates SELECT * FROM jsonb_populate_recordset(NULL::ability_estimates, $1)',
  interest_goal: 'INSERT INTO interest_goal SELECT * FROM jsonb_populate_recordset(NULL::interest_goal, $1)',
  mirt_ability: 'INSERT INTO mirt_ability SELECT * FROM jsonb_populate_recordset(NULL::mirt_ability, $1)',
  student_topic_theta:
    'INSERT INTO student_topic_theta SELECT * FROM jsonb_populate_recordset(NULL::student_topic_theta, $1)',
  growth_brms_meta: 'INSERT INTO growth_brms_meta SELECT * FROM jsonb_populate_recordset(NULL::growth_brms_meta, $1)',
};

/** Numbers that JSON does not have (`NaN`, `Infinity`) are given as text. */
export async function insertRows<T extends keyof PlatformRows>(
  on: Queryable,
  table: T,
  rows: readonly PlatformRows[T][],
): Promise<void> {
  await on.query({ text: INSERTS[table], values: [JSON.stringify(rows)] });
}

export async function clearPlatform(on: Queryable): Promise<void> {
  await on.query({
    text: `TRUNCATE exam_results, features_topic_daily, attempt, session, ability_estimates, interest_goal, mirt_ability,
      student_topic_theta, growth_brms_meta, weekly_kpi, lastseen.user_last_seen, lastseen.kpi_watermark, lastseen.kpi_ledger`,
  });
}
