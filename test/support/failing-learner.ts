import type { Database } from '../../src/postgres/database.ts';

/** Runs `work` while Postgres cannot compute the abilities of this learner: reading them divides by zero. */
export async function withFailingLearner(database: Database, userId: string, work: () => Promise<void>): Promise<void> {
  await database.query({
    text: `
ALTER TABLE ability_estimates RENAME TO ability_rows;
CREATE VIEW ability_estimates AS
SELECT user_id, CASE user_id WHEN '${userId}' THEN 1 / (length(user_id) - ${userId.length}) ELSE mean END AS mean, sd,
  fitted_at, updated_at, created_at
FROM ability_rows;
INSERT INTO ability_rows (user_id, mean, sd, fitted_at) VALUES ('${userId}', 0, 1, '2026-03-01Z')`,
  });
  try {
    await work();
  } finally {
    await database.query({ text: 'DROP VIEW ability_estimates; ALTER TABLE ability_rows RENAME TO ability_estimates' });
  }
}
