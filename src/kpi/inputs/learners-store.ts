import { unpaddedSql } from '../../activity/learner.ts';
import { SOURCE_FACTS, SOURCES } from '../../activity/source.ts';
import { textArray } from '../../postgres/arrays.ts';
import { forEachBatch } from '../../postgres/cursor.ts';
import type { Database, Queryable } from '../../postgres/database.ts';
import { single } from '../../runtime/must.ts';
import { SILENT, silenceValues } from '../../silence/condition.ts';
import type { SilenceWindow } from '../../silence/plan.ts';

type OnUserIds = (userIds: readonly string[]) => Promise<void>;

const NAME = unpaddedSql('user_id');

/**
 * The learners in the source tables. These are the tables that figures are computed from and that have a user_id; a
 * learner in none of them has no figure. `attempt` has no user_id: its learners are found once another table has them.
 */
const TABLES = [...SOURCES.filter((source) => SOURCE_FACTS[source].learner === 'user_id'), 'ability_estimates'];
const USER_IDS = TABLES.map((table) => `SELECT ${NAME} AS user_id FROM ${table} WHERE ${NAME} <> ''`).join(' UNION ');

/** All learners in the source tables, in batches, in the order of the bytes of their user_ids. */
export function eachSourceLearner(source: Database, onUserIds: OnUserIds, batchSize: number): Promise<void> {
  return forEachBatch<{ user_id: string }>(
    source,
    { text: `SELECT user_id FROM (${USER_IDS}) AS learner ORDER BY user_id COLLATE "C"`, values: [] },
    (rows) => onUserIds(rows.map(({ user_id }) => user_id)),
    batchSize,
  );
}

export function countSourceLearners(source: Queryable): Promise<number> {
  return count(source, USER_IDS, []);
}

/** The learners of `weekly_kpi` that no source table has: the previous job took their stored P. */
export async function learnersOfWeeklyRowsOnly(
  database: Database,
  source: Queryable,
  batchSize: number,
): Promise<string[]> {
  const inNone = TABLES.map(
    (table) => `NOT EXISTS (SELECT FROM ${table} AS known WHERE known.user_id = learner.user_id)`,
  );
  const text = `
SELECT user_id FROM unnest($1::text[]) AS learner (user_id)
WHERE ${inNone.join(' AND ')} ORDER BY user_id COLLATE "C"`;
  const found: string[] = [];
  await forEachBatch<{ user_id: string }>(
    database,
    { text: `SELECT DISTINCT ${NAME} AS user_id FROM weekly_kpi WHERE ${NAME} <> '' ORDER BY user_id`, values: [] },
    async (weekly) => {
      const values = [textArray(weekly.map(({ user_id }) => user_id))];
      found.push(...(await source.query<{ user_id: string }>({ text, values })).rows.map(({ user_id }) => user_id));
    },
    batchSize,
  );
  return found;
}

const INACTIVE = `SELECT seen.user_id FROM lastseen.user_last_seen seen WHERE ${SILENT} AND seen.user_id <> ''`;

/** The learners inactive by the table of last seen, in batches; those without a user_id have no weekly row. */
export function eachInactiveLearner(
  database: Database,
  window: SilenceWindow,
  onUserIds: OnUserIds,
  batchSize: number,
): Promise<void> {
  return forEachBatch<{ user_id: string }>(
    database,
    { text: INACTIVE, values: silenceValues(window) },
    (rows) => onUserIds(rows.map(({ user_id }) => user_id)),
    batchSize,
  );
}

export function countInactiveLearners(database: Queryable, window: SilenceWindow): Promise<number> {
  return count(database, INACTIVE, silenceValues(window));
}

async function count(on: Queryable, text: string, values: unknown[]): Promise<number> {
  const { rows } = await on.query<{ n: bigint }>({ text: `SELECT count(*) AS n FROM (${text}) AS learner`, values });
  return Number(single(rows, 'count(*) returns one row').n);
}
