import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { formatInstant, MICROS_PER_SECOND, parseInstant } from '../../src/activity/instant.ts';
import { studentIdOf } from '../../src/activity/learner.ts';
import { perSource, SOURCES } from '../../src/activity/source.ts';
import { type AuditDeps, type AuditPlan, audit } from '../../src/audit/pipeline.ts';
import { openBreaks } from '../../src/freshness/capture-evidence-store.ts';
import {
  auditedSources,
  listAudits,
  readAuditState,
  readUnexplainedDrift,
} from '../../src/history/audit-runs-store.ts';
import { createFold } from '../../src/last-seen/fold.ts';
import { raiseLastSeen } from '../../src/last-seen/raise-store.ts';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { LastseenError } from '../../src/runtime/errors.ts';
import { asRole } from '../../stack/roles.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { differenceFromSources } from '../support/source-comparison.ts';

let db: FreshDatabase;
/** With only the rights of the audit's role. */
let database: Database;
let sourceDatabase: Database;
beforeAll(async () => {
  db = await freshDatabase();
  database = openDatabase({ url: asRole(db.url, 'audit'), applicationName: 'audit' });
  sourceDatabase = openDatabase({ url: asRole(db.url, 'audit'), applicationName: 'audit-source' });
});
afterAll(async () => {
  await Promise.all([database.close(), sourceDatabase.close()]);
  await db.close();
});

const sql = (text: string, values: unknown[] = []) => db.database.query<Record<string, unknown>>({ text, values });
const UUID = '0b6f9c1e-0000-4000-8000-00000000000a';
const LEARNERS = 2_400;

/**
 * Fills the sources with more learners than one batch: some with two spellings of the name, some only in attempts, and
 * rows that are no activity. Then an audit fills the table as `track` would.
 */
beforeEach(async () => {
  await sql(
    'TRUNCATE exam_results, features_topic_daily, attempt, session, lastseen.user_last_seen, lastseen.audit_run, lastseen.episode',
  );
  await sql(`
INSERT INTO session (id, user_id, started_at, ended_at)
SELECT 's' || u || '-' || n, 'u' || u, at, CASE WHEN n = 1 THEN at + interval '1 hour 0.000001 s' END
FROM generate_series(1, ${LEARNERS}) u, generate_series(0, 1) n,
  LATERAL (SELECT timestamptz '2026-03-10 04:00:00.123456Z' - u * interval '1 minute' - n * interval '1 day') t (at)`);
  await sql(`
INSERT INTO session (id, user_id, started_at) VALUES
  ('upper', '${UUID.toUpperCase()}', '2026-03-01Z'), ('lower', '${UUID}', '2026-03-02Z'),
  ('nobody', NULL, '2026-03-02Z'), ('empty', '', '2026-03-02Z'), ('never', 'never', NULL),
  ('old', 'old', '1999-12-31 23:59:59.999999Z'), ('ages', 'old', '-infinity'),
  ('ahead', 'ahead', now() + interval '1 hour'), ('for ever', 'ahead', 'infinity'), ('believed', 'u1', now())`);
  await sql(`
INSERT INTO exam_results (id, session_id, user_id, result_json, created_at, updated_at)
SELECT gen_random_uuid(), 'e' || u, 'u' || u, CASE u % 4
    WHEN 0 THEN '{"questions": [{"question_id": 1}]}'::jsonb WHEN 1 THEN '{"questions": []}' WHEN 2 THEN '[1]' END,
  timestamptz '2026-03-09Z' - u * interval '1 second', CASE WHEN u % 2 = 0 THEN timestamptz '2026-03-09 00:00:00.000001Z' END
FROM generate_series(1, 40) u`);
  await sql(`
INSERT INTO features_topic_daily (user_id, topic_id, date, last_seen_at, computed_at)
SELECT 'u' || u, 't' || n, '2026-03-08', timestamptz '2026-03-08Z' + n * interval '1 second', now()
FROM generate_series(20, 60) u, generate_series(1, 3) n`);
  await sql(`
INSERT INTO attempt (id, student_id, completed_at)
SELECT u, md5('u' || u)::uuid, timestamptz '2026-03-07Z' FROM generate_series(${LEARNERS - 10}, ${LEARNERS + 10}) u`);
  expect((await repair('missing')).status).toBe('repaired');
  await sql('TRUNCATE lastseen.audit_run');
});

const TOPICS = SOURCES.map((source) => `p.public.${source}`);

const deps = (changes: Partial<AuditDeps> = {}): AuditDeps => ({
  database,
  sourcePrimary: database,
  sourceDatabase,
  sources: new Set(SOURCES),
  topics: TOPICS,
  attemptSource: 'topic',
  maxClockSkewUs: 600n * MICROS_PER_SECOND,
  newRunId: randomUUID,
  now: () => BigInt(Date.now()) * 1000n,
  proveApplied: async () => {},
  lookAtCapture: async () => ({ found: undefined, open: [] }),
  isStopping: () => false,
  showProgress: () => ({ update() {}, end() {} }),
  ...changes,
});
const run = (plan: Partial<AuditPlan> = {}, changes: Partial<AuditDeps> = {}) =>
  audit(deps(changes), { repair: 'none', maxSamples: 5, ...plan });
const repair = (how: AuditPlan['repair'], changes: Partial<AuditDeps> = {}) => run({ repair: how }, changes);

const id = (user: string) => studentIdOf(user);
const at = (text: string) => parseInstant(text) as bigint;
const damage = (user: string, change: string) =>
  sql(`UPDATE lastseen.user_last_seen SET ${change} WHERE student_id = $1`, [id(user)]);
const lose = (user: string) => sql('DELETE FROM lastseen.user_last_seen WHERE student_id = $1', [id(user)]);
const stored = async (user: string) =>
  (await sql('SELECT * FROM lastseen.user_last_seen WHERE student_id = $1', [id(user)])).rows[0];
const differing = async () => {
  // Rows that track rejects are removed from the sources before they are compared.
  await sql(`DELETE FROM session WHERE user_id IN ('old', 'ahead')`);
  return (await differenceFromSources(db.database)).differing;
};
/** Applies an activity as `track` does. */
const applyActivity = (user: string, instant: bigint) => {
  const fold = createFold();
  fold.add({ studentId: id(user), userId: user, source: 'session', at: instant });
  return db.database.transaction((tx) => raiseLastSeen(tx, fold.columns()));
};

describe('an audit', () => {
  it('is clean if the table equals the sources, and counts learners per field', async () => {
    const outcome = await run();
    expect(outcome).toMatchObject({ status: 'clean', learners: LEARNERS + 11, drifting: 0, samples: [] });
    const equal = (learners: number) => ({ missing: 0, behind: 0, equal: learners, ahead: 0 });
    expect(outcome.counts).toEqual({
      ...perSource(() => equal(0)),
      exam_results: equal(40),
      features_topic_daily: equal(41),
      attempt: equal(21),
      session: equal(LEARNERS + 1),
      user_id: equal(LEARNERS + 1),
    });
    expect(await differing()).toBe(0n);
    expect(await stored(UUID)).toMatchObject({ user_id: UUID.toUpperCase(), session_at: at('2026-03-02T00:00:00Z') });
    expect(await stored('old')).toBeUndefined();
    expect(await stored('ahead')).toBeUndefined();
  });

  describe('and dead letters', () => {
    const letter = (user: string, topic = 'p.public.session', recordedAt = `now() - interval '1 second'`) =>
      sql(`
INSERT INTO lastseen.dead_letter (topic, partition, record_offset, record_timestamp, reason, step, detail, student_id, recorded_at)
SELECT '${topic}', 0, count(*), 0, 'missing_column', 'activity', '', '${id(user)}', ${recordedAt} FROM lastseen.dead_letter`);
    const open = async () =>
      (await sql('SELECT topic, student_id FROM lastseen.dead_letter WHERE closed_at IS NULL ORDER BY letter_id')).rows;
    beforeEach(() => sql('TRUNCATE lastseen.dead_letter, lastseen.audit_run'));
    afterAll(() => sql('TRUNCATE lastseen.dead_letter, lastseen.audit_run'));

    it('closes those of its topics that are older than its snapshot, if it is clean or repaired', async () => {
      await letter('u7');
      await letter('u8', 'p.public.session', `now() + interval '1 hour'`);
      await letter('u9', 'elsewhere');
      await lose('u7');
      expect(await run()).toMatchObject({ status: 'drift', lettersClosed: 0 });
      expect(await repair('missing')).toMatchObject({ status: 'repaired', lettersClosed: 1 });
      expect(await open()).toEqual([
        { topic: 'p.public.session', student_id: id('u8') },
        { topic: 'elsewhere', student_id: id('u9') },
      ]);
      await letter('u7');
      expect(await run()).toMatchObject({ status: 'clean', lettersClosed: 1 });
    });

    it('leaves drift that they explain apart from other drift', async () => {
      await letter('u7');
      await lose('u7');
      await run();
      expect(await readUnexplainedDrift(database)).toBeUndefined();
      await lose('u8');
      await run();
      expect(await readUnexplainedDrift(database)).toMatchObject({ learners: 1n });
      expect(await repair('missing')).toMatchObject({ status: 'repaired' });
      expect(await readUnexplainedDrift(database)).toBeUndefined();
    });

    it('repairs all but the learners whose rows Postgres refuses, which keep their letters', async () => {
      await letter('u7');
      await lose('u7');
      await lose('u8');
      const owner = db.database;
      await owner.query({
        text: `ALTER TABLE lastseen.user_last_seen ADD CONSTRAINT refused CHECK (user_id <> 'u7') NOT VALID`,
      });
      expect(await repair('missing')).toMatchObject({ status: 'drift', drifting: 1, raised: 1, lettersClosed: 0 });
      expect(await readUnexplainedDrift(database)).toBeUndefined();
      await owner.query({ text: 'ALTER TABLE lastseen.user_last_seen DROP CONSTRAINT refused' });
      expect(await repair('missing')).toMatchObject({ status: 'repaired', raised: 1, lettersClosed: 1 });
    });
  });

  it('closes the gaps of its topics that are older than the snapshot, but only without drift', async () => {
    const gap = (topic: string, foundAt: string) =>
      sql(`INSERT INTO lastseen.track_gap (topic, partition, kind, from_offset, to_offset, found_at)
        VALUES ('${topic}', 0, 'lost', 5, 9, ${foundAt})`);
    const open = async () =>
      (await sql('SELECT topic FROM lastseen.track_gap WHERE closed_at IS NULL ORDER BY topic')).rows.map(
        (row) => row['topic'],
      );
    await gap('p.public.session', `now() - interval '1 second'`);
    await gap('p.public.attempt', `now() + interval '1 hour'`);
    await gap('elsewhere', `now() - interval '1 second'`);
    await lose('u7');
    expect(await run()).toMatchObject({ status: 'drift', gapsClosed: 0 });
    expect(await readAuditState(db.database)).toMatchObject({ drifting: 1n });
    expect(await open()).toEqual(['elsewhere', 'p.public.attempt', 'p.public.session']);
    const repaired = await repair('missing');
    expect(repaired).toMatchObject({ status: 'repaired', gapsClosed: 1 });
    expect(await readAuditState(db.database)).toMatchObject({ drifting: 0n });
    expect(await open()).toEqual(['elsewhere', 'p.public.attempt']);
    expect((await sql(`SELECT closed_by FROM lastseen.track_gap WHERE topic = 'p.public.session'`)).rows).toEqual([
      { closed_by: `audit ${repaired.runId}` },
    ]);
    await sql('TRUNCATE lastseen.track_gap');
  });

  it('closes the breaks of capture that were open before its snapshot, unless capture breaks meanwhile', async () => {
    const insert = () =>
      sql(`INSERT INTO lastseen.capture_break (changes, sources, last_intact_at, found_at)
        VALUES ('{a table was created again}', '{session}', now(), now())`);
    const looks = (breaksMeanwhile: boolean) => {
      let looked = 0;
      return {
        lookAtCapture: async () => {
          if (looked++ > 0 && breaksMeanwhile) await insert();
          return { found: undefined, open: await openBreaks(database) };
        },
      };
    };
    await insert();
    await lose('u7');
    expect(await run({}, looks(false))).toMatchObject({ status: 'drift', breaksClosed: 0 });
    expect(await run({ repair: 'missing' }, looks(true))).toMatchObject({ status: 'repaired', breaksClosed: 0 });
    expect(await run({}, { ...looks(false), sources: new Set(['attempt']) })).toMatchObject({ breaksClosed: 0 });
    expect(await openBreaks(database)).toHaveLength(2);
    expect(await run({}, looks(false))).toMatchObject({ status: 'clean', breaksClosed: 2 });
    expect(await openBreaks(database)).toEqual([]);
    await sql('TRUNCATE lastseen.capture_break');
  });

  it('finds exactly the damaged fields per learner, and changes nothing without --repair', async () => {
    await lose('u7');
    await damage('u30', `session_at = session_at - interval '1 microsecond', attempt_at = '2026-01-01Z'`);
    await damage('u31', `exam_results_at = NULL`);
    await damage('u50', `user_id = NULL`);
    await damage(UUID, `user_id = '${UUID}'`);
    await damage('u51', `user_id = 'U51'`);
    await sql(
      `INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at) VALUES ($1, 'gone', '2026-03-01Z')`,
      [id('gone')],
    );
    const before = (await sql('SELECT * FROM lastseen.user_last_seen ORDER BY 1')).rows;
    const outcome = await run();
    expect(outcome).toMatchObject({ status: 'drift', drifting: 5, learners: LEARNERS + 12, raised: 0 });
    const found = outcome.samples
      .map(({ studentId, field, comparison }) => `${studentId} ${field} ${comparison}`)
      .sort();
    expect(found).toEqual(
      [
        `${id('u7')} exam_results missing`,
        `${id('u7')} session missing`,
        `${id('u7')} user_id missing`,
        `${id('u30')} session behind`,
        `${id('u30')} attempt ahead`,
        `${id('u31')} exam_results missing`,
        `${id('u50')} user_id missing`,
        `${UUID} user_id behind`,
        `${id('u51')} user_id ahead`,
        `${id('gone')} session ahead`,
        `${id('gone')} user_id ahead`,
      ].sort(),
    );
    expect(outcome.samples).toContainEqual({
      studentId: UUID,
      field: 'user_id',
      comparison: 'behind',
      stored: UUID,
      expected: UUID.toUpperCase(),
    });
    expect((await sql('SELECT * FROM lastseen.user_last_seen ORDER BY 1')).rows).toEqual(before);
  });

  it('returns at most the requested samples per field and difference, and counts all learners', async () => {
    await sql('TRUNCATE lastseen.user_last_seen');
    const outcome = await run({ maxSamples: 2 });
    expect(outcome.counts.session).toEqual({ missing: LEARNERS + 1, behind: 0, equal: 0, ahead: 0 });
    expect(outcome.samples).toHaveLength(10);
    expect((await run({ maxSamples: 0 })).samples).toEqual([]);
  });

  it('counts a change applied after the snapshot as ahead, and a change missing from before it as drift', async () => {
    const now = BigInt(Date.now()) * 1000n;
    await sql(`INSERT INTO session (id, user_id, started_at) VALUES ('lost', 'u9', '2026-03-11Z')`);
    const proveApplied = async () => {
      await sql(`INSERT INTO session (id, user_id, started_at) VALUES ('new', 'u8', '2026-03-12Z')`);
      await applyActivity('u8', now);
    };
    const outcome = await run({}, { proveApplied });
    expect(outcome.samples).toMatchObject(
      [
        { studentId: id('u8'), comparison: 'ahead' },
        { studentId: id('u9'), comparison: 'behind' },
      ].sort((a, b) => (a.studentId < b.studentId ? -1 : 1)),
    );
  });

  it('compares nothing if freshness cannot be proven, and stores the reason', async () => {
    const proveApplied = () => Promise.reject(new LastseenError('not_fresh', 'not fresh: session: 3 records behind'));
    await lose('u7');
    await expect(repair('missing', { proveApplied })).rejects.toMatchObject({ code: 'not_fresh' });
    expect(await stored('u7')).toBeUndefined();
    expect(await listAudits(db.database, 9)).toMatchObject([
      { status: 'failed', failure: 'not fresh: session: 3 records behind' },
    ]);
  });

  it('compares only the enabled sources, and does not change fields that other sources may have set', async () => {
    await damage('u7', `session_at = '2020-01-01Z', exam_results_at = '2030-01-01Z'`);
    await damage('u8', `user_id = 'U8'`);
    await damage('u45', `user_id = 'U45', session_at = NULL`);
    const sources = new Set(['exam_results', 'features_topic_daily'] as const);
    const outcome = await repair('trust_source', { sources });
    expect(Object.keys(outcome.counts)).toEqual(['exam_results', 'features_topic_daily', 'user_id']);
    // The name of u8 may come from its sessions; u45 has no session left. All others have only sessions and attempts.
    expect(outcome).toMatchObject({ status: 'repaired', drifting: 0, lowered: 2, deleted: 0 });
    expect(await stored('u7')).toMatchObject({ session_at: at('2020-01-01T00:00:00Z'), user_id: 'u7' });
    expect(await stored('u8')).toMatchObject({ user_id: 'U8' });
    expect(await stored('u45')).toMatchObject({ user_id: 'u45' });
  });

  it('counts exam results with questions as attempts if ATTEMPT_SOURCE is exam_results', async () => {
    const outcome = await repair('trust_source', { attemptSource: 'exam_results' });
    expect(outcome.counts.attempt).toEqual({ missing: 10, behind: 0, equal: 0, ahead: 21 });
    expect(await stored('u4')).toMatchObject({ attempt_at: at('2026-03-09T00:00:00.000001Z') });
    expect(await stored('u5')).toMatchObject({ attempt_at: null });
    expect((await run({}, { attemptSource: 'exam_results' })).counts.attempt?.equal).toBe(10);
  });
});

describe('a repair', () => {
  const damageAll = async () => {
    for (const user of ['u1', 'u700', 'u2399']) await lose(user);
    await damage('u30', `session_at = '2020-01-01Z', exam_results_at = NULL`);
    await damage('u50', `user_id = NULL`);
    await damage(UUID, `user_id = '${UUID}'`);
    await damage('u20', `features_topic_daily_at = '2026-04-01Z', session_at = '2020-01-01Z'`);
    await damage('u51', `user_id = 'U51'`);
    await sql(
      `INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at) VALUES ($1, 'gone', '2026-03-01Z')`,
      [id('gone')],
    );
  };

  it('writes values that are missing or behind, and does not change values that are ahead', async () => {
    await damageAll();
    expect(await repair('missing')).toMatchObject({
      status: 'repaired',
      drifting: 7,
      raised: 7,
      lowered: 0,
      deleted: 0,
    });
    expect(await run()).toMatchObject({
      status: 'clean',
      counts: { features_topic_daily: { ahead: 1 }, session: { ahead: 1 }, user_id: { ahead: 2 } },
    });
    expect(await stored('u20')).toMatchObject({ features_topic_daily_at: at('2026-04-01T00:00:00Z') });
    expect(await differing()).toBe(3n);
  });

  it('with trust_source, makes the table equal to the sources in every byte', async () => {
    await damageAll();
    expect(await repair('trust_source')).toMatchObject({
      status: 'repaired',
      raised: 6,
      lowered: 2,
      deleted: 1,
      conflicts: 0,
    });
    expect(await stored('gone')).toBeUndefined();
    expect(await run()).toMatchObject({ status: 'clean', counts: { user_id: { ahead: 0 }, session: { ahead: 0 } } });
    expect(await differing()).toBe(0n);
  });

  it('with trust_source, never lowers a value from after the snapshot, nor a row that changes during the audit', async () => {
    await damage('u10', `session_at = '2030-01-01Z'`);
    await damage('u11', `session_at = '2030-01-01Z'`);
    const later = at('2031-01-01T00:00:00Z');
    const outcome = await repair('trust_source', {
      // After the snapshot of the sources, before the table is read.
      proveApplied: async () => {
        await applyActivity('u12', later);
      },
      // After the comparison.
      database: beforeWriting(async () => {
        await applyActivity('u11', later);
      }),
    });
    expect(outcome).toMatchObject({ lowered: 1, conflicts: 2 });
    expect(await stored('u10')).toMatchObject({ session_at: at('2026-03-10T03:50:00.123456Z') });
    expect(await stored('u11')).toMatchObject({ session_at: later });
    expect(await stored('u12')).toMatchObject({ session_at: later });
  });

  /** Calls back once, before the first write transaction. */
  function beforeWriting(meanwhile: () => Promise<void>): Database {
    let isFirst = true;
    return {
      ...database,
      transaction: async (work) => {
        if (isFirst) await meanwhile();
        isFirst = false;
        return database.transaction(work);
      },
    };
  }

  it('keeps the newest instant of every learner while track raises the same learners', async () => {
    const newest = new Map<string, bigint>();
    let isRepairing = true;
    const users = Array.from({ length: 60 }, (_, n) => `u${n * 37 + 2}`);
    for (const user of users) await damage(user, `session_at = '2020-01-01Z', user_id = NULL`);
    for (const user of users.slice(0, 30)) await damage(user, `exam_results_at = '2030-01-01Z'`);
    const tracking = (async () => {
      for (let round = 1; isRepairing || round < 3; round++) {
        for (const user of users) {
          const instant = at('2026-03-12T00:00:00Z') + BigInt(round) * MICROS_PER_SECOND;
          await sql('UPDATE session SET ended_at = $2 WHERE id = $1', [`s${user.slice(1)}-0`, formatInstant(instant)]);
          await applyActivity(user, instant);
          newest.set(user, instant);
        }
      }
    })();
    try {
      for (let round = 0; round < 3; round++) await repair('trust_source');
    } finally {
      isRepairing = false;
      await tracking;
    }
    for (const [user, instant] of newest) expect(await stored(user)).toMatchObject({ session_at: instant });
    expect(await run()).toMatchObject({ status: 'clean', counts: { session: { ahead: 0 } } });
  });

  it('stops after the current batch on a stop signal, and keeps the finished repairs', async () => {
    await sql('TRUNCATE lastseen.user_last_seen');
    await expect(repair('missing', { isStopping: () => true })).rejects.toMatchObject({ code: 'interrupted' });
    expect((await sql('SELECT FROM lastseen.user_last_seen')).count).toBe(1_000);
    expect(await listAudits(db.database, 1)).toMatchObject([{ status: 'failed' }]);
    expect(await repair('missing')).toMatchObject({ status: 'repaired', raised: LEARNERS + 11 - 1_000 });
  });
});

describe('the history of audits', () => {
  it('stores the result, and closes audits whose process exited without one as failed', async () => {
    await sql(`
INSERT INTO lastseen.audit_run (run_id, status, sources, repair, started_at)
VALUES (gen_random_uuid(), 'running', '{session}', 'none', '2026-03-01Z')`);
    await lose('u7');
    const outcome = await run();
    expect(await listAudits(db.database, 9)).toMatchObject([
      {
        run_id: outcome.runId,
        status: 'drift',
        drifting: 1n,
        counts: outcome.counts,
        snapshot_lsn: outcome.snapshotLsn,
      },
      { status: 'failed', failure: 'process exited without recording a result' },
    ]);
  });

  it('lists the sources whose newest audit ended without drift', async () => {
    await run({}, { sources: new Set(['session', 'attempt']) });
    expect(await auditedSources(db.database)).toEqual(new Set(['attempt', 'session']));
    await lose('u7');
    await run({}, { sources: new Set(['session']) });
    expect(await auditedSources(db.database)).toEqual(new Set(['attempt']));
    await repair('missing', { sources: new Set(['session']) });
    expect(await auditedSources(db.database)).toEqual(new Set(['attempt', 'session']));
  });

  it('refuses a second audit at the same time', async () => {
    const proveApplied = async () => {
      await expect(run()).rejects.toMatchObject({ code: 'busy' });
    };
    expect(await run({}, { proveApplied })).toMatchObject({ status: 'clean' });
  });
});
