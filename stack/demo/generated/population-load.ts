import { formatInstant } from '../../../src/activity/instant.ts';
import { perSource, SOURCES } from '../../../src/activity/source.ts';
import type { Database, Queryable } from '../../../src/postgres/database.ts';
import type { LoadPlan } from '../load.ts';
import type { SourceRows } from './platform-rows.ts';
import { type PopulationRequest, population } from './population.ts';

/** Generates a population and the plan to write it. Rows are sent as JSON; the tables give the types. */
export async function loadPopulation(db: Database, request: PopulationRequest): Promise<LoadPlan> {
  const made = population(request);
  const records = perSource((source) => ({
    snapshot: made.history[source].length,
    created: made.inserted[source].length,
    updated: made.updated[source].length,
    deleted: source === 'session' ? made.deletedSessions.length : 0,
  }));
  const rows = perSource((source) => records[source].snapshot + records[source].created - records[source].deleted);
  return {
    origin: `${request.learners.toLocaleString('en')} generated learners over ${request.days} days up to ${formatInstant(request.asOf)}, seed ${request.seed}`,
    learners: request.learners,
    rows,
    records,
    async phase1(report) {
      await insertSourceRows(db, made.history, report);
      report('ability estimates, goals and weekly figures');
      await inBatches(made.ability, (batch) => db.query({ text: INSERT_ABILITY, values: [batch] }));
      await inBatches(made.goals, (batch) => db.query({ text: INSERT_GOALS, values: [batch] }));
      await inBatches(made.weekly, (batch) => db.query({ text: INSERT_WEEKLY, values: [batch] }));
    },
    async phase2(report) {
      await insertSourceRows(db, made.inserted, report);
      report('ending sessions, grading exams, updating practice');
      const { updated } = made;
      await inBatches(updated.exam_results, (batch) => db.query({ text: UPDATE_EXAMS, values: [batch] }));
      await inBatches(updated.features_topic_daily, (batch) => db.query({ text: UPDATE_FEATURES, values: [batch] }));
      await inBatches(updated.session, (batch) => db.query({ text: UPDATE_SESSIONS, values: [batch] }));
      report('deleting old sessions');
      await db.query({ text: 'DELETE FROM session WHERE id = ANY($1::text[])', values: [made.deletedSessions] });
    },
  };
}

async function insertSourceRows(db: Queryable, rows: SourceRows, report: (line: string) => void): Promise<void> {
  for (const source of SOURCES) {
    report(source);
    const text = `INSERT INTO ${source} SELECT * FROM json_populate_recordset(null::${source}, $1::json)`;
    await inBatches<object>(rows[source], (batch) => db.query({ text, values: [batch] }));
  }
}

const BATCH_ROWS = 5_000;

async function inBatches<R extends object>(
  rows: readonly R[],
  send: (json: string) => Promise<unknown>,
): Promise<void> {
  for (let from = 0; from < rows.length; from += BATCH_ROWS) {
    await send(JSON.stringify(rows.slice(from, from + BATCH_ROWS)));
  }
}

const INSERT_ABILITY =
  'INSERT INTO ability_estimates SELECT * FROM json_populate_recordset(null::ability_estimates, $1::json)';

const INSERT_GOALS = 'INSERT INTO interest_goal SELECT * FROM json_populate_recordset(null::interest_goal, $1::json)';

/** The figures are text, so that their numbers stay as they are. */
export const INSERT_WEEKLY = `INSERT INTO weekly_kpi (user_id, week_start, kpis, created_at, updated_at)
  SELECT user_id, week_start, kpis::jsonb, created_at, updated_at
  FROM json_to_recordset($1::json)
    AS r(user_id text, week_start date, kpis text, created_at timestamptz, updated_at timestamptz)`;

const UPDATE_EXAMS = `UPDATE exam_results e
  SET status = r.status, score_raw = r.score_raw, result_json = r.result_json, updated_at = r.updated_at
  FROM json_populate_recordset(null::exam_results, $1::json) r WHERE e.id = r.id`;

const UPDATE_FEATURES = `UPDATE features_topic_daily f
  SET attempts = r.attempts, correct = r.correct, avg_time_ms = r.avg_time_ms, hints = r.hints,
    last_seen_at = r.last_seen_at, computed_at = r.computed_at
  FROM json_populate_recordset(null::features_topic_daily, $1::json) r
  WHERE f.user_id = r.user_id AND f.topic_id = r.topic_id AND f.date = r.date`;

const UPDATE_SESSIONS = `UPDATE session s SET ended_at = r.ended_at, status = r.status
  FROM json_populate_recordset(null::session, $1::json) r WHERE s.id = r.id`;
