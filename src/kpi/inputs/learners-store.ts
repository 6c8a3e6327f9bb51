import { forEachBatch } from '../../postgres/cursor.ts';
import type { Database, Queryable } from '../../postgres/database.ts';
import { SILENT, silenceValues } from '../../silence/condition.ts';
import type { SilenceWindow } from '../../silence/plan.ts';

type OnUserIds = (userIds: readonly string[]) => Promise<void>;

/**
 * Whoever the source tables name. Of the platform's tables these hold what figures are made of and name their learners
 * by user_id; whoever is named by none of them has no figure at all. `attempt` names nobody: its learners count once
 * another table names them.
 */
const NAMED = `
SELECT user_id FROM exam_results WHERE user_id <> ''
UNION SELECT user_id FROM features_topic_daily WHERE user_id <> ''
UNION SELECT user_id FROM session WHERE user_id <> ''
UNION SELECT user_id FROM ability_estimates WHERE user_id <> ''`;

const IN_ORDER = `SELECT user_id FROM (${NAMED}) AS named ORDER BY user_id COLLATE "C"`;

/** All learners the source tables name, in batches, in the order of their user_ids' bytes. */
export function eachNamedLearner(source: Database, onUserIds: OnUserIds, batchSize: number): Promise<void> {
  return forEachBatch<{ user_id: string }>(
    source,
    { text: IN_ORDER, values: [] },
    (rows) => onUserIds(rows.map(({ user_id }) => user_id)),
    batchSize,
  );
}

export function countNamedLearners(source: Queryable): Promise<number> {
  return count(source, NAMED, []);
}

const SILENT_BY_NAME = `SELECT seen.user_id FROM lastseen.user_last_seen seen WHERE ${SILENT} AND seen.user_id IS NOT NULL`;

/** The learners inactive by the table of last seen, in batches; those without a user_id have no weekly row. */
export function eachInactiveLearner(
  database: Database,
  window: SilenceWindow,
  onUserIds: OnUserIds,
  batchSize: number,
): Promise<void> {
  return forEachBatch<{ user_id: string }>(
    database,
    { text: SILENT_BY_NAME, values: silenceValues(window) },
    (rows) => onUserIds(rows.map(({ user_id }) => user_id)),
    batchSize,
  );
}

export function countInactiveLearners(database: Queryable, window: SilenceWindow): Promise<number> {
  return count(database, SILENT_BY_NAME, silenceValues(window));
}

async function count(on: Queryable, text: string, values: unknown[]): Promise<number> {
  const { rows } = await on.query<{ n: bigint }>({ text: `SELECT count(*) AS n FROM (${text}) AS learner`, values });
  return Number(rows[0]?.n ?? 0n);
}
