import type { Harness } from '../harness.ts';
import { openTracked, type TrackedWorld } from '../tracked-world.ts';
import { until } from '../waiting.ts';

/** Sweeps while `track` writes the same learners. */
export type ReturningStage = TrackedWorld;

/** Few enough that no sweep is held. */
export const LEARNERS = 80;

export const openReturning = (harness: Harness): Promise<ReturningStage> =>
  openTracked(harness, { FLUSH_MAX_ROWS: '5', FLUSH_MAX_DELAY: '1ms' });

export const sql = ({ world }: ReturningStage, text: string) => world.database.query<Record<string, unknown>>({ text });

/** Inserts a session of each learner `<name>-1` to `<name>-80`, and waits until they are applied. @param at SQL. */
export async function load(state: ReturningStage, name: string, at: string): Promise<void> {
  await sql(
    state,
    `INSERT INTO session (id, user_id, started_at)
     SELECT 's-${name}-' || u, '${name}-' || u, ${at} FROM generate_series(1, ${LEARNERS}) u`,
  );
  const applied = () => sql(state, `SELECT FROM lastseen.user_last_seen WHERE user_id LIKE '${name}-%'`);
  const { seen } = await until(applied, ({ count }) => count === LEARNERS, 60_000);
  if (seen.count !== LEARNERS) throw new Error(`track did not apply what was loaded: ${state.track.ends.join('\n')}`);
}

export const seenAgain = (state: ReturningStage, name: string, from: number, to: number, at: string) =>
  sql(
    state,
    `INSERT INTO session (id, user_id, started_at)
     SELECT 's-again-${name}-' || u, '${name}-' || u, ${at} FROM generate_series(${from}, ${to}) u`,
  );
