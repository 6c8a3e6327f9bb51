import type { World } from '../support/world.ts';

/** The as-of of the sweep. All loaded instants are before it. */
const AS_OF = '2026-03-16 05:00Z';

const LEARNERS = 1_500;
const SESSIONS = 600;
const RECORDS_A_LOAD = 2 * SESSIONS + SESSIONS / 2 + SESSIONS / 2 + SESSIONS / 4;

/** Learners who never fall silent: all were seen within six days of the as-of. */
export async function loadLearners(world: World): Promise<number> {
  await world.database.query({
    text: `
INSERT INTO session (id, user_id, started_at)
SELECT 's-first-' || u, 'user-' || u, timestamptz '${AS_OF}' - (u * 7919 % 500000) * interval '1.000001 seconds'
FROM generate_series(1, ${LEARNERS}) u`,
  });
  return LEARNERS;
}

/**
 * Inserts rows into all four sources and updates some of them, in random order of time. Each load has its own rows.
 *
 * @returns how many rows were written.
 */
export async function loadActivity(world: World, load: string): Promise<number> {
  const at = (n: string, stride: number) =>
    `timestamptz '${AS_OF}' - ((hashtext('${load}')::bigint & 65535) * 31 + ${n}::bigint * ${stride}) % 2000000 * interval '1.000001 seconds'`;
  const user = (n: string, stride: number) => `1 + (${n} * ${stride}) % ${LEARNERS}`;
  const statements = [
    `INSERT INTO session (id, user_id, started_at)
     SELECT '${load}-' || n, 'user-' || ${user('n', 31)}, ${at('n', 104_729)} FROM generate_series(1, ${SESSIONS}) n`,
    `INSERT INTO attempt (id, student_id, completed_at)
     SELECT (hashtext('${load}')::bigint & 1073741823) * 100000 + n, md5('user-' || ${user('n', 17)})::uuid, ${at('n', 7_919)}
     FROM generate_series(1, ${SESSIONS}) n`,
    `INSERT INTO exam_results (id, session_id, user_id, created_at)
     SELECT gen_random_uuid(), 'e-${load}-' || n, 'user-' || ${user('n', 53)}, ${at('n', 48_611)}
     FROM generate_series(1, ${SESSIONS / 2}) n`,
    `INSERT INTO features_topic_daily (user_id, topic_id, date, last_seen_at)
     SELECT 'user-' || ${user('n', 97)}, '${load}-' || n, date '2026-03-01', ${at('n', 15_485)}
     FROM generate_series(1, ${SESSIONS / 2}) n`,
    `UPDATE session SET ended_at = started_at + interval '9 minutes 0.000007 seconds'
     WHERE id IN (SELECT '${load}-' || n * 4 FROM generate_series(1, ${SESSIONS / 4}) n)`,
  ];
  for (const text of statements) await world.database.query({ text });
  return RECORDS_A_LOAD;
}

/** Learners who were last seen 8 to 20 days before the as-of, each once. */
export async function loadSilent(world: World, count: number): Promise<number> {
  await world.database.query({
    text: `
INSERT INTO session (id, user_id, started_at)
SELECT 's-quiet-' || u, 'quiet-' || u, timestamptz '${AS_OF}' - interval '8 days' - (u * 7919 % 1000000) * interval '1.000003 seconds'
FROM generate_series(1, ${count}) u`,
  });
  return count;
}

/** Inserts a new session for each of the silent learners numbered `from` to `to`. */
export async function loadReturns(world: World, from: number, to: number): Promise<number> {
  await world.database.query({
    text: `
INSERT INTO session (id, user_id, started_at)
SELECT 's-back-' || u, 'quiet-' || u, timestamptz '${AS_OF}' + u * interval '1 second'
FROM generate_series(${from}, ${to}) u`,
  });
  return to - from + 1;
}
