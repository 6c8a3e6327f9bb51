import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { studentIdOf } from '../../src/activity/learner.ts';
import { asRole } from '../../stack/roles.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { runCli } from '../support/lastseen-cli.ts';
import { logLine } from '../support/machine-format.ts';
import { waitFor } from '../support/waiting.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());

const sql = async (text: string) => (await db.database.query<Record<string, unknown>>({ text })).rows;
const forget = (...args: string[]) =>
  runCli({ DATABASE_URL: asRole(db.url, 'operator'), LOG_LEVEL: 'trace' }, ['forget', ...args]);

const ANNA = 'canary-anna';
const LOWER = '0b6f9c1e-0000-4000-8000-00000000000a';
const ALL = {
  user_last_seen: 1,
  dead_letter: 1,
  episode: 2,
  inactivity_outbox: 2,
  sweep_candidate: 1,
  replay_shadow: 1,
  as_if_activity: 1,
  as_if_last_seen: 1,
  as_if_episode: 2,
  as_if_outbox: 2,
  kpi_watermark: 2,
  kpi_ledger: 2,
};
const NONE = Object.fromEntries(Object.keys(ALL).map((name) => [name, 0]));

/** Rows in every own table that names learners, published and unpublished ones. */
beforeEach(async () => {
  await sql(`TRUNCATE ${Object.keys(ALL).map((name) => `lastseen.${name}`)}`);
  await sql(`
INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at)
VALUES ('${studentIdOf(ANNA)}', '${ANNA}', '2026-03-01Z'), ('${studentIdOf('ben')}', 'ben', '2026-03-01Z'),
  ('${LOWER}', '${LOWER.toUpperCase()}', '2026-03-01Z');
INSERT INTO lastseen.episode (student_id, threshold_days, last_seen_at, crossed_run_id, crossed_as_of, newest_as_of, noted_on)
SELECT student_id, days, session_at, gen_random_uuid(), '2026-03-16Z', '2026-03-16Z', '2026-03-16'
FROM lastseen.user_last_seen, unnest(ARRAY[7, 14]) days;
INSERT INTO lastseen.inactivity_outbox
  (phase, student_id, user_id, threshold_days, last_seen_at, as_of, detected_at, published_at)
SELECT 'CROSSED', student_id, user_id, days, session_at, '2026-03-16Z', now(), CASE days WHEN 7 THEN now() END
FROM lastseen.user_last_seen, unnest(ARRAY[7, 14]) days;
INSERT INTO lastseen.sweep_candidate (student_id, user_id, last_seen_at)
SELECT student_id, user_id, session_at FROM lastseen.user_last_seen;
INSERT INTO lastseen.replay_shadow (student_id, user_id) SELECT student_id, user_id FROM lastseen.user_last_seen;
INSERT INTO lastseen.as_if_activity (sweep_on, student_id, user_id)
SELECT '2026-03-16', student_id, user_id FROM lastseen.user_last_seen;
INSERT INTO lastseen.as_if_last_seen (student_id, user_id, session_at)
SELECT student_id, user_id, session_at FROM lastseen.user_last_seen;
INSERT INTO lastseen.dead_letter (topic, partition, record_offset, record_timestamp, reason, step, detail, student_id)
SELECT 't', 0, row_number() OVER (), 0, 'missing_column', 'activity', '', student_id FROM lastseen.user_last_seen;
INSERT INTO lastseen.as_if_episode SELECT * FROM lastseen.episode;
INSERT INTO lastseen.as_if_outbox OVERRIDING SYSTEM VALUE SELECT * FROM lastseen.inactivity_outbox;
INSERT INTO lastseen.kpi_watermark
SELECT user_id, date '2026-03-02' + days, '2026-03-16Z' FROM lastseen.user_last_seen, unnest(ARRAY[7, 14]) days;
INSERT INTO lastseen.kpi_ledger (cause_event_id, user_id, week_start, as_of, computed, row_created)
SELECT gen_random_uuid(), user_id, week_start, as_of, 'ALL', true FROM lastseen.kpi_watermark`);
});

/** The content of all own tables, as text. */
async function everything(): Promise<string> {
  const tables = await sql(
    `SELECT format('lastseen.%I', relname) AS name FROM pg_class WHERE relnamespace = 'lastseen'::regnamespace AND relkind = 'r' ORDER BY relname`,
  );
  const texts = await Promise.all(
    tables.map(({ name }) => sql(`SELECT coalesce(string_agg(t::text, E'\\n'), '') AS text FROM ${name} t`)),
  );
  return texts.map(([row]) => String(row?.['text'])).join('\n');
}

const waitForBlockedSession = () =>
  waitFor('a session that waits for a lock', async () => {
    const [row] = await sql(
      `SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    return row?.['n'] !== 0n;
  });

describe('lastseen forget', () => {
  it('deletes all rows of the learner from own tables, and no row of other learners', async () => {
    expect(await everything()).toContain(ANNA);
    const run = await forget(ANNA, '--yes', '--json');
    expect(run, run.stderr).toMatchObject({ code: 0 });
    expect(run.json()).toMatchObject({
      found: true,
      dry_run: false,
      rows: ALL,
      not_ours: expect.arrayContaining(['weekly_kpi']),
    });
    const left = await everything();
    expect(left).not.toContain(ANNA);
    expect(left).not.toContain(studentIdOf(ANNA));
    const ben = await forget('ben', '--dry-run', '--json');
    expect(ben.json()).toMatchObject({ rows: ALL });
  });

  it('covers every own table that identifies learners', async () => {
    const named = await sql(`
SELECT DISTINCT relname::text AS name FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
WHERE relnamespace = 'lastseen'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
  AND attname IN ('user_id', 'student_id')`);
    expect(named.map(({ name }) => name).sort()).toEqual(Object.keys(ALL).sort());
  });

  it('logs how many rows were erased, but not whose', async () => {
    const { stderr } = await forget(ANNA, '--yes');
    expect(stderr).toMatch(logLine('learner_forgotten'));
    expect(stderr).toContain('"episode":2');
    expect(stderr).not.toContain(ANNA);
    expect(stderr).not.toContain(studentIdOf(ANNA));
  });

  it.each([
    ['student_id of a user_id that is not a UUID', () => studentIdOf(ANNA)],
    ['student_id of a user_id in another spelling', () => LOWER],
    ['user_id', () => LOWER.toUpperCase()],
  ])('finds all rows by %s', async (_, user) => {
    expect((await forget(user(), '--yes', '--json')).json()).toMatchObject({ rows: ALL });
  });

  it('finds the remaining rows if the row of last seen is missing', async () => {
    await sql('TRUNCATE lastseen.user_last_seen, lastseen.inactivity_outbox');
    expect((await forget(studentIdOf(ANNA), '--yes', '--json')).json()).toMatchObject({
      rows: { ...ALL, user_last_seen: 0, inactivity_outbox: 0 },
    });
  });

  it('also erases what a concurrent sweep records', async () => {
    const erasing = await db.database.transaction(async (tx) => {
      await tx.query({ text: `SELECT FROM lastseen.user_last_seen WHERE user_id = '${ANNA}' FOR NO KEY UPDATE` });
      const running = forget(ANNA, '--yes', '--json');
      await waitForBlockedSession();
      await tx.query({
        text: `
INSERT INTO lastseen.inactivity_outbox (phase, student_id, user_id, threshold_days, last_seen_at, as_of, detected_at)
SELECT 'ONGOING', student_id, user_id, 7, session_at, '2026-03-17Z', now()
FROM lastseen.user_last_seen WHERE user_id = '${ANNA}'`,
      });
      return { running };
    });
    expect((await erasing.running).json()).toMatchObject({ rows: { ...ALL, inactivity_outbox: 3 } });
  });

  it('erases nothing with --dry-run, and refuses to run without --yes', async () => {
    const before = await everything();
    const dry = await forget(ANNA, '--dry-run', '--json');
    expect(dry.json(), dry.stderr).toMatchObject({ found: true, dry_run: true, rows: ALL });
    expect(await forget(ANNA)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--yes') });
    expect(await everything()).toBe(before);
  });

  it('succeeds for an unknown learner, and reports that there are no rows', async () => {
    const run = await forget('nobody', '--yes');
    expect(run).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('own tables contain no rows of this learner'),
    });
    expect((await forget('nobody', '--yes', '--json')).json()).toMatchObject({ found: false, rows: NONE });
  });

  it('lists what remains, and warns that the learner is recorded again with their next activity', async () => {
    const { stdout } = await forget(ANNA, '--yes');
    for (const place of ['seedtest.public.session', 'lastseen.inactivity.v1', 'lastseen.track.dlq.v1', 'weekly_kpi']) {
      expect(stdout).toContain(place);
    }
    expect(stdout).toContain('KAFKA_BROKERS is not set');
    expect(stdout).toContain('is recorded again with their next activity');
  });
});
