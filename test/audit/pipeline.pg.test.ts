import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { formatInstant, MICROS_PER_SECOND, parseInstant } from '../../src/activity/instant.ts';
import { studentIdOf } from '../../src/activity/learner.ts';
import { SOURCES } from '../../src/activity/source.ts';
import { type AuditDeps, type AuditPlan, audit } from '../../src/audit/pipeline.ts';
import { auditedSources, listAudits, readAuditState } from '../../src/history/audit-runs-store.ts';
import { createFold } from '../../src/last-seen/fold.ts';
import { raiseLastSeen } from '../../src/last-seen/raise-store.ts';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { LastseenError } from '../../src/runtime/errors.ts';
import { asRole } from '../../stack/roles.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { differenceFromSources } from '../support/source-comparison.ts';

let db: FreshDatabase;
/** With the rights of the audit's role alone. */
let database: Database;
let source: Database;
beforeAll(async () => {
  db = await freshDatabase();
  database = openDatabase({ url: asRole(db.url, 'audit'), applicationName: 'audit' });
  source = openDatabase({ url: asRole(db.url, 'audit'), applicationName: 'audit-source' });
});
afterAll(async () => {
  await Promise.all([database.close(), source.close()]);
  await db.close();
});

const sql = (text: string, values: unknown[] = []) => db.database.query<Record<string, unknown>>({ text, values });
const UUID = '0b6f9c1e-0000-4000-8000-00000000000a';
const LEARNERS = 2_400;

/**
 * Learners of every source, some spelled in two ways or named by attempts alone, and rows that are no activity; then the
 * table as `track` would have it. More learners than one batch.
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
  ('nobody', NULL, '2026-03-02Z'), ('never', 'never', NULL),
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
  source,
  sources: new Set(SOURCES),
  topics: TOPICS,
  attemptSource: 'topic',
  maxClockSkewUs: 600n * MICROS_PER_SECOND,
  newRunId: randomUUID,
  now: () => BigInt(Date.now()) * 1000n,
  proveApplied: async () => {},
  isStopping: () => false,
  showProgress: () => ({ update() {}, end() {} }),
  ...changes,
});
const run = (plan: Partial<AuditPlan> = {}, changes: Partial<AuditDeps> = {}) =>
  audit(deps(changes), { repair: 'none', sample: 5, ...plan });
const repair = (how: AuditPlan['repair'], changes: Partial<AuditDeps> = {}) => run({ repair: how }, changes);

const id = (user: string) => studentIdOf(user);
const at = (text: string) => parseInstant(text) as bigint;
const damage = (user: string, change: string) =>
  sql(`UPDATE lastseen.user_last_seen SET ${change} WHERE student_id = $1`, [id(user)]);
const lose = (user: string) => sql('DELETE FROM lastseen.user_last_seen WHERE student_id = $1', [id(user)]);
const stored = async (user: string) =>
  (await sql('SELECT * FROM lastseen.user_last_seen WHERE student_id = $1', [id(user)])).rows[0];
const differing = async () => {
  // What track leaves out is left out of the truth as well.
  await sql(`DELETE FROM session WHERE user_id IN ('old', 'ahead')`);
  return (await differenceFromSources(db.database)).differing;
};
/** What `track` does with an activity. */
const sees = (user: string, instant: bigint) => {
  const fold = createFold();
  fold.add({ studentId: id(user), userId: user, source: 'session', at: instant });
  return db.database.transaction((tx) => raiseLastSeen(tx, fold.columns()));
};

describe('an audit', () => {
  it('finds nothing where the table is what the sources say, and counts who is what', async () => {
    const outcome = await run();
    expect(outcome).toMatchObject({ status: 'clean', learners: LEARNERS + 11, drifting: 0, samples: [] });
    const equal = (learners: number) => ({ missing: 0, behind: 0, equal: learners, ahead: 0 });
    expect(outcome.counts).toEqual({
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

  it('closes the gaps of its topics that were found before it began, once nothing is behind', async () => {
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

  it('finds exactly what was damaged, by learner and source, and changes nothing', async () => {
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
    const found = outcome.samples.map(({ studentId, of, standing }) => `${studentId} ${of} ${standing}`).sort();
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
      of: 'user_id',
      standing: 'behind',
      stored: UUID,
      known: UUID.toUpperCase(),
    });
    expect((await sql('SELECT * FROM lastseen.user_last_seen ORDER BY 1')).rows).toEqual(before);
  });

  it('names no more learners a source and difference than asked for, and counts all', async () => {
    await sql('TRUNCATE lastseen.user_last_seen');
    const outcome = await run({ sample: 2 });
    expect(outcome.counts.session).toEqual({ missing: LEARNERS + 1, behind: 0, equal: 0, ahead: 0 });
    expect(outcome.samples).toHaveLength(10);
    expect((await run({ sample: 0 })).samples).toEqual([]);
  });

  it('takes what was applied after the snapshot for ahead, and what was not applied before it for drift', async () => {
    const now = BigInt(Date.now()) * 1000n;
    await sql(`INSERT INTO session (id, user_id, started_at) VALUES ('lost', 'u9', '2026-03-11Z')`);
    const proveApplied = async () => {
      await sql(`INSERT INTO session (id, user_id, started_at) VALUES ('new', 'u8', '2026-03-12Z')`);
      await sees('u8', now);
    };
    const outcome = await run({}, { proveApplied });
    expect(outcome.samples).toMatchObject(
      [
        { studentId: id('u8'), standing: 'ahead' },
        { studentId: id('u9'), standing: 'behind' },
      ].sort((a, b) => (a.studentId < b.studentId ? -1 : 1)),
    );
  });

  it('compares nothing where it is not proven that the sources are applied, and keeps why', async () => {
    const proveApplied = () => Promise.reject(new LastseenError('not_fresh', 'not fresh: session: 3 records behind'));
    await lose('u7');
    await expect(repair('missing', { proveApplied })).rejects.toMatchObject({ code: 'not_fresh' });
    expect(await stored('u7')).toBeUndefined();
    expect(await listAudits(db.database, 9)).toMatchObject([
      { status: 'failed', failure: 'not fresh: session: 3 records behind' },
    ]);
  });

  it('looks at the enabled sources alone, and leaves to the others what they gave', async () => {
    await damage('u7', `session_at = '2020-01-01Z', exam_results_at = '2030-01-01Z'`);
    await damage('u8', `user_id = 'U8'`);
    await damage('u45', `user_id = 'U45', session_at = NULL`);
    const sources = new Set(['exam_results', 'features_topic_daily'] as const);
    const outcome = await repair('trust_source', { sources });
    expect(Object.keys(outcome.counts)).toEqual(['exam_results', 'features_topic_daily', 'user_id']);
    // u8 may owe its name to its sessions; u45 has none any more. The rest were seen in sessions and attempts alone.
    expect(outcome).toMatchObject({ status: 'repaired', drifting: 0, setBack: 2, deleted: 0 });
    expect(await stored('u7')).toMatchObject({ session_at: at('2020-01-01T00:00:00Z'), user_id: 'u7' });
    expect(await stored('u8')).toMatchObject({ user_id: 'U8' });
    expect(await stored('u45')).toMatchObject({ user_id: 'u45' });
  });

  it('takes exam results with a question for attempts where attempts come from there', async () => {
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

  it('applies what is missing or behind, and leaves what is ahead', async () => {
    await damageAll();
    expect(await repair('missing')).toMatchObject({
      status: 'repaired',
      drifting: 7,
      raised: 7,
      setBack: 0,
      deleted: 0,
    });
    expect(await run()).toMatchObject({
      status: 'clean',
      counts: { features_topic_daily: { ahead: 1 }, session: { ahead: 1 }, user_id: { ahead: 2 } },
    });
    expect(await stored('u20')).toMatchObject({ features_topic_daily_at: at('2026-04-01T00:00:00Z') });
    expect(await differing()).toBe(3n);
  });

  it('trusting the sources makes the table what they say, to the byte', async () => {
    await damageAll();
    expect(await repair('trust_source')).toMatchObject({
      status: 'repaired',
      raised: 6,
      setBack: 2,
      deleted: 1,
      moved: 0,
    });
    expect(await stored('gone')).toBeUndefined();
    expect(await run()).toMatchObject({ status: 'clean', counts: { user_id: { ahead: 0 }, session: { ahead: 0 } } });
    expect(await differing()).toBe(0n);
  });

  it('trusting the sources never lowers what came after their snapshot, nor a row that moves while it compares', async () => {
    await damage('u10', `session_at = '2030-01-01Z'`);
    await damage('u11', `session_at = '2030-01-01Z'`);
    const later = at('2031-01-01T00:00:00Z');
    const outcome = await repair('trust_source', {
      // After the sources' snapshot and before the table is read.
      proveApplied: async () => {
        await sees('u12', later);
      },
      // Once both are compared.
      database: beforeWriting(async () => {
        await sees('u11', later);
      }),
    });
    expect(outcome).toMatchObject({ setBack: 1, moved: 2 });
    expect(await stored('u10')).toMatchObject({ session_at: at('2026-03-10T03:50:00.123456Z') });
    expect(await stored('u11')).toMatchObject({ session_at: later });
    expect(await stored('u12')).toMatchObject({ session_at: later });
  });

  /** Calls back once, before the first transaction that writes. */
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

  it('beside a track that raises the same learners leaves each at the newest it was ever given', async () => {
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
          await sees(user, instant);
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

  it('ends between two batches when it is told to, and what it repaired stays', async () => {
    await sql('TRUNCATE lastseen.user_last_seen');
    await expect(repair('missing', { isStopping: () => true })).rejects.toMatchObject({ code: 'interrupted' });
    expect((await sql('SELECT FROM lastseen.user_last_seen')).count).toBe(1_000);
    expect(await listAudits(db.database, 1)).toMatchObject([{ status: 'failed' }]);
    expect(await repair('missing')).toMatchObject({ status: 'repaired', raised: LEARNERS + 11 - 1_000 });
  });
});

describe('the history of audits', () => {
  it('keeps what was found, and closes audits that ended without a word', async () => {
    await sql(`
INSERT INTO lastseen.audit_run (run_id, status, sources, repair, started_at)
VALUES (gen_random_uuid(), 'running', '{session}', 'none', '2026-03-01Z')`);
    await lose('u7');
    const outcome = await run();
    expect(await listAudits(db.database, 9)).toMatchObject([
      { run_id: outcome.runId, status: 'drift', drifting: 1n, counts: outcome.counts, snapshot_lsn: outcome.position },
      { status: 'failed', failure: 'ended without a word' },
    ]);
  });

  it('tells of which sources the newest audit left nothing missing', async () => {
    await run({}, { sources: new Set(['session', 'attempt']) });
    expect(await auditedSources(db.database)).toEqual(new Set(['attempt', 'session']));
    await lose('u7');
    await run({}, { sources: new Set(['session']) });
    expect(await auditedSources(db.database)).toEqual(new Set(['attempt']));
    await repair('missing', { sources: new Set(['session']) });
    expect(await auditedSources(db.database)).toEqual(new Set(['attempt', 'session']));
  });

  it('lets one audit run at a time', async () => {
    const proveApplied = async () => {
      await expect(run()).rejects.toMatchObject({ code: 'busy' });
    };
    expect(await run({}, { proveApplied })).toMatchObject({ status: 'clean' });
  });
});
