import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { formatInstant, MICROS_PER_DAY, parseInstant } from '../../src/activity/instant.ts';
import { studentIdOf } from '../../src/activity/learner.ts';
import { SOURCES, type Source } from '../../src/activity/source.ts';
import { audit } from '../../src/audit/pipeline.ts';
import { emptyBacktestTables, saveActivity } from '../../src/backtest/backtest-store.ts';
import { sweepDays } from '../../src/backtest/pipeline.ts';
import { findRedriven, markRedriven } from '../../src/dead-letters/redriven-store.ts';
import { readInstallationId } from '../../src/events/installation-store.ts';
import { readOutboxState } from '../../src/events/outbox-store.ts';
import { INACTIVITY_OUTBOX, KPI_UPDATED_OUTBOX } from '../../src/events/outboxes.ts';
import { createRelay } from '../../src/events/relay-pipeline.ts';
import { readCaptures } from '../../src/freshness/capture-store.ts';
import { readEvidence } from '../../src/freshness/pipeline.ts';
import { currentPosition, slotExists, sourcesWithRows } from '../../src/freshness/replication-store.ts';
import { reportFreshness } from '../../src/freshness/report-pipeline.ts';
import { auditedSources, listAudits, readAuditState } from '../../src/history/audit-runs-store.ts';
import { readOwnTableSizes, readRetention } from '../../src/history/retention-store.ts';
import { readSourceVolumes, readSweepState } from '../../src/history/sweep-runs-store.ts';
import { digestLastSeen } from '../../src/last-seen/digest-store.ts';
import { createFold } from '../../src/last-seen/fold.ts';
import { openGaps, recordGaps } from '../../src/last-seen/gaps-store.ts';
import { loadReadState, readProgress, recordProgress, resetProgress } from '../../src/last-seen/progress-store.ts';
import { countBehind, raiseLastSeen, raiseShadow } from '../../src/last-seen/raise-store.ts';
import { type Database, type Lsn, openDatabase } from '../../src/postgres/database.ts';
import { answerEvents } from '../../src/recompute/pipeline.ts';
import { swapInShadow } from '../../src/replay/rebuild-pipeline.ts';
import { sourcesInTable } from '../../src/replay/rebuild-store.ts';
import { estimatedRows, requestSnapshot } from '../../src/replay/snapshot-request-store.ts';
import {
  addReplayGroup,
  deleteReplay,
  recordReplayProgress,
  saveReplay,
  setReplayEnds,
} from '../../src/replay/state-store.ts';
import { zeroTotals } from '../../src/replay/totals.ts';
import { migrate } from '../../src/setup/migrations-store.ts';
import { sweep } from '../../src/sweep/pipeline.ts';
import { closeAllEpisodes, closeEpisodes } from '../../src/sweep/returns-store.ts';
import { asRole, type Role, rolesSql } from '../../stack/roles.ts';
import { OPTIONS } from '../kpi/compute-figures.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { INSTALLATION } from '../support/installation.ts';
import { runCli } from '../support/lastseen-cli.ts';

const AS_OF = parseInstant('2026-03-16T05:00:00Z') ?? 0n;
const USER = 'anna';
const ID = studentIdOf(USER);

let db: FreshDatabase;
const open = new Map<Role, Database>();
beforeAll(async () => {
  db = await freshDatabase();
  await db.database.query({ text: `CREATE PUBLICATION seedtest FOR TABLE session` });
  await db.database.query({
    text: `
INSERT INTO session (id, user_id, started_at) VALUES ('s', '${USER}', '2026-03-08T05:00Z');
INSERT INTO ability_estimates (user_id, mean, sd, fitted_at) VALUES ('${USER}', 0.5, 0.8, '2026-03-01Z')`,
  });
});
afterAll(async () => {
  await Promise.all([...open.values()].map((database) => database.close()));
  await db.close();
});

function as(role: Role): Database {
  const database = open.get(role) ?? openDatabase({ url: asRole(db.url, role), applicationName: role });
  open.set(role, database);
  return database;
}

const producer = { send: async () => {} };
const encode = () => Buffer.alloc(0);
const plan = { asOf: AS_OF, thresholds: [7, 14], lookbackDays: 30, refresh: 'daily' as const };

/** In order: each test depends on rows that the test before has written. */
describe('with only the rights of its role', () => {
  it('track raises last seen, closes episodes, records progress and relays', async () => {
    await trackSees(AS_OF - 8n * MICROS_PER_DAY);
    await relayInactivity('track');
    expect(await readProgress(as('track'), ['t'])).toHaveLength(1);
  });

  it('track reads freshness, its outbox and the sweeps for its metrics', async () => {
    const database = as('track');
    const view = {
      database,
      sources: new Map([['t', 'session' as const]]),
      slot: 'seedtest',
      publication: 'seedtest',
      proof: 'slot' as const,
      maxUnreadableLetters: 0,
      readEnds: async () => [],
      now: () => AS_OF,
    };
    const history = await readSourceVolumes(database);
    const facts = { hasRows: new Set<Source>(), history, checksMissing: true };
    await currentPosition(database, AS_OF);
    const evidence = await readEvidence({ ...view, slotDatabase: database }, facts, {
      position: '0/0' as Lsn,
      at: AS_OF,
      ends: undefined,
    });
    expect(evidence).toMatchObject({ slot: { kind: 'missing' } });
    expect(await readSweepState(database)).toEqual({ runs: new Map(), contradicted: 0n });
    expect(await readAuditState(database)).toBeNull();
    expect(await readOutboxState(database, INACTIVITY_OUTBOX)).toEqual({ waiting: 0n, oldestSeconds: 0 });
    expect(await readRetention(database)).toMatchObject({ floor: null, prunedAt: null });
    expect(await readOwnTableSizes(database)).toContainEqual({ table: 'kpi_ledger', bytes: expect.any(Number) });
  });

  it.each(['fresh', 'sweep', 'operator'] as const)('%s reports freshness', async (role) => {
    const slot = `roles_${role}_${new URL(db.url).pathname.slice(1)}`;
    await db.database.query({ text: `SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, values: [slot] });
    try {
      const { sources } = await reportFreshness(
        {
          database: as(role),
          slotDatabase: as(role),
          sources: new Map(SOURCES.map((source) => [`t.${source}`, source])),
          slot,
          proof: 'slot',
          publication: 'seedtest',
          maxUnreadableLetters: 0,
          waitMs: 0,
          readEnds: async () => [],
          now: () => AS_OF,
          pause: async () => false,
        },
        0n,
      );
      const broken = sources.filter(({ proof }) => proof.kind === 'broken').map(({ source }) => source);
      expect(new Set(broken)).toEqual(new Set(SOURCES).difference(new Set(['session'])));
    } finally {
      await db.database.query({ text: 'SELECT pg_drop_replication_slot($1)', values: [slot] });
    }
  });

  it('sweep proves freshness, decides, and relays', async () => {
    const database = as('sweep');
    const proveFresh = async () => {
      expect(await sourcesWithRows(database, SOURCES)).toEqual(new Set(['session']));
      expect((await readCaptures(database, 'seedtest')).get('session')?.tables).toEqual(['public.session']);
      await readSourceVolumes(database);
      await auditedSources(database);
      await slotExists(database, 'seedtest');
      await currentPosition(database, AS_OF);
      await readProgress(database, ['t']);
      expect(await openGaps(database, ['t'])).toHaveLength(1);
      return new Map([['session' as const, 1n]]);
    };
    const relay = () => relayInactivity('sweep');
    const deps = { database, newRunId: randomUUID, now: () => AS_OF, proveFresh, maxCrossedShare: 0.2, relay };
    expect(await sweep(deps, plan)).toMatchObject({ status: 'completed', crossed: 1n, published: 1 });
    expect(await sweep(deps, { ...plan, asOf: AS_OF + MICROS_PER_DAY })).toMatchObject({ ongoing: 1n });
  });

  it('recompute reads every input, creates and refreshes a weekly row, and relays', async () => {
    const database = as('recompute');
    const deps = {
      database,
      source: database,
      growthService: undefined,
      options: { ...OPTIONS, targetFrom: 'interest_goal' as const, useBayesian: true, useIrtTheta: true },
    };
    for (const [outcome, asOf] of [
      ['created', AS_OF],
      ['updated', AS_OF + MICROS_PER_DAY],
    ] as const) {
      const request = { userId: USER, studentId: ID, asOf, eventId: randomUUID() };
      expect(await answerEvents(deps, [request])).toMatchObject([{ outcome }]);
    }
    const relay = createRelay(KPI_UPDATED_OUTBOX, {
      database,
      producer,
      topic: 'kpi',
      encode,
      installation: INSTALLATION,
    });
    expect(await relay()).toBe(2);
    await relayInactivity('recompute');
    expect(await readOutboxState(database, INACTIVITY_OUTBOX)).toMatchObject({ waiting: 0n });
    expect(await readOutboxState(database, KPI_UPDATED_OUTBOX)).toMatchObject({ waiting: 0n });
  });

  it('track emits a return', async () => {
    expect(await trackSees(AS_OF - MICROS_PER_DAY)).toBe(1);
  });

  it('replay raises, rebuilds, emits returns, requests a snapshot, and backtests', async () => {
    const database = as('replay');
    const range = { topic: 't', partition: 0, firstOffset: 0n };
    const totals = zeroTotals();
    await database.transaction(async (tx) => {
      await saveReplay(tx, 'r', { groupIds: ['g'], snapshotId: null, intoShadow: true, totals, ranges: [range] });
      await requestSnapshot(tx, randomUUID(), SOURCES);
    });
    const fold = createFold();
    fold.add({ studentId: ID, userId: USER, source: 'session', at: AS_OF }, AS_OF);
    await database.transaction(async (tx) => {
      await countBehind(tx, fold.columns());
      await raiseLastSeen(tx, fold.columns());
      await raiseShadow(tx, fold.columns());
      await closeEpisodes(tx, fold.columns(), AS_OF);
      await recordReplayProgress(tx, 'r', [{ ...range, nextOffset: 1n }], totals);
    });
    await addReplayGroup(database, 'r', 'g2');
    await setReplayEnds(database, 'r', [{ ...range, nextOffset: 9n }]);
    await estimatedRows(database, SOURCES);
    await sourcesInTable(database, SOURCES);
    const swapDeps = { database, replayId: 'r', now: () => 0, pause: async () => false };
    expect(await swapInShadow(swapDeps)).toMatchObject({ changed: 0 });
    await database.transaction((tx) => closeAllEpisodes(tx, AS_OF));
    await relayInactivity('replay');
    await digestLastSeen(database);
    await deleteReplay(database, 'r');

    await emptyBacktestTables(database);
    await database.transaction((tx) => saveActivity(tx, '2026-03-16', fold.columns()));
    await sweepDays(
      database,
      { ...plan, firstAsOf: AS_OF, days: 9 },
      async () => {},
      () => true,
    );
    await emptyBacktestTables(database);
  });

  it('an operator computes and stores figures, explains a learner, and lists the inactive ones', async () => {
    const env = { DATABASE_URL: asRole(db.url, 'operator') };
    const asOf = formatInstant(AS_OF + 2n * MICROS_PER_DAY);
    for (const args of [
      ['kpi', '--as-of', asOf, '--all', '--store', '--json'],
      ['kpi', '--as-of', asOf, '--inactive', '--json'],
      ['explain', USER, '--as-of', asOf, '--json'],
      ['sweep', '--dry-run', '--as-of', asOf, '--threshold', '1', '--with', 'P,S', '--sort', 's', '--json'],
      ['sweep', '--dry-run', '--as-of', asOf, '--threshold', '1', '--with', 'P,S', '--from-source', '--csv'],
    ]) {
      const run = await runCli(env, args);
      expect(run, run.stderr).toMatchObject({ code: 0 });
    }
  });

  it('audit proves what is applied, compares, raises, lowers, deletes, and keeps its history', async () => {
    const database = as('audit');
    const source = openDatabase({ url: asRole(db.url, 'audit'), applicationName: 'audit-source' });
    const proveApplied = async () => {
      await slotExists(database, 'seedtest');
      await readCaptures(database, 'seedtest');
      await readProgress(database, ['t']);
    };
    const deps = {
      database,
      sourcePrimary: database,
      sourceDatabase: source,
      sources: new Set(SOURCES),
      topics: ['t'],
      attemptSource: 'exam_results' as const,
      maxClockSkewUs: 0n,
      newRunId: randomUUID,
      now: () => AS_OF,
      proveApplied,
      lookAtCapture: async () => ({ found: undefined, open: [] }),
      isStopping: () => false,
      showProgress: () => ({ update() {}, end() {} }),
    };
    await db.database.query({
      text: `INSERT INTO lastseen.user_last_seen (student_id, session_at) VALUES (gen_random_uuid(), '2026-03-01Z');
        INSERT INTO session (id, user_id, started_at) VALUES ('b', 'ben', '2026-03-08T05:00Z')`,
    });
    try {
      expect(await audit(deps, { repair: 'trust_source', maxSamples: 1 })).toMatchObject({
        raised: 1,
        lowered: 1,
        deleted: 1,
      });
      expect(await listAudits(database, 1)).toMatchObject([{ status: 'repaired' }]);
    } finally {
      await source.close();
    }
  });

  it('prune removes old rows of each kind', async () => {
    await db.database.query({
      text: `
INSERT INTO lastseen.inactivity_outbox
  (phase, student_id, user_id, threshold_days, last_seen_at, as_of, detected_at, published_at)
VALUES ('CROSSED', gen_random_uuid(), 'old', 7, '2020-01-01', '2020-01-01', '2020-01-01', '2020-01-01');
INSERT INTO lastseen.kpi_ledger (cause_event_id, user_id, week_start, as_of, computed, row_created, published_at)
VALUES (gen_random_uuid(), 'old', '2020-01-06', '2020-01-06', 'ALL', true, '2020-01-06');
INSERT INTO lastseen.kpi_watermark VALUES ('old', '2020-01-06', '2020-01-06');
INSERT INTO lastseen.episode
  (student_id, threshold_days, last_seen_at, crossed_run_id, crossed_as_of, newest_as_of, noted_on, returned_as_of)
VALUES (gen_random_uuid(), 7, '2020-01-01', gen_random_uuid(), '2020-01-08', '2020-01-08', '2020-01-08', '2020-01-09');
INSERT INTO lastseen.audit_run (run_id, status, sources, repair, started_at, finished_at)
VALUES (gen_random_uuid(), 'failed', '{session}', 'none', '2020-01-01', '2020-01-01');
INSERT INTO lastseen.sweep_run (run_id, as_of, thresholds, lookback_days, status, started_at, finished_at)
SELECT gen_random_uuid(), day, '{7}', 30, 'failed', day, day FROM generate_series(timestamptz '2020-01-01', '2020-01-20', '1 day') day`,
    });
    const env = { DATABASE_URL: asRole(db.url, 'prune') };
    const [preview, done] = [
      await runCli(env, ['prune', '--dry-run', '--json']),
      await runCli(env, ['prune', '--json']),
    ];
    expect(preview, preview.stderr).toMatchObject({ code: 0 });
    expect(done, done.stderr).toMatchObject({ code: 0 });
    const kinds = (run: typeof done) => run.json<{ kinds: { table: string; rows: number }[] }>().kinds;
    expect(kinds(done).map(({ table, rows }) => [table, rows > 0])).toEqual(
      ['inactivity_outbox', 'kpi_ledger', 'kpi_watermark', 'episode', 'sweep_run', 'audit_run'].map((table) => [
        `lastseen.${table}`,
        true,
      ]),
    );
    expect(kinds(preview).map(({ rows }) => rows)).toEqual(kinds(done).map(({ rows }) => rows));
    expect(done.stderr).toContain('prune_completed');
    // For people.
    const page = await runCli({ DATABASE_URL: asRole(db.url, 'prune') }, ['prune']);
    expect(page.stdout).toMatch(/^watermarks .* 0 .* lastseen\.kpi_watermark/m);
    expect(page.stdout).toContain('before 20');
    await db.database.query({ text: 'UPDATE lastseen.retention SET week_floor = NULL' });
  });

  it('an operator forgets a learner', async () => {
    const run = await runCli({ DATABASE_URL: asRole(db.url, 'operator') }, ['forget', USER, '--yes', '--json']);
    expect(run, run.stderr).toMatchObject({ code: 0 });
    expect(run.json()).toMatchObject({ found: true, rows: { user_last_seen: 1, kpi_ledger: 2 } });
  });

  it('an operator records which letters were sent back', async () => {
    const letter = { topic: 'dlq', partition: 1, offset: 7n, writtenAt: AS_OF };
    const rewritten = { ...letter, writtenAt: AS_OF + 1_000n };
    const database = as('operator');
    await markRedriven(database, [letter]);
    await markRedriven(database, [letter, { ...letter, offset: 8n }]);
    expect(await findRedriven(database, [{ ...letter, partition: 0 }, rewritten, letter])).toEqual(new Set([letter]));
  });

  it('migrate brings an empty schema up to date', async () => {
    const other = await freshDatabase();
    const database = openDatabase({ url: asRole(other.url, 'migrate'), applicationName: 'migrate' });
    try {
      await other.database.query({ text: `DROP SCHEMA lastseen CASCADE` });
      await other.database.query({ text: rolesSql() });
      expect(await migrate(database, { log: () => {} })).not.toEqual([]);
    } finally {
      await database.close();
      await other.close();
    }
  });
});

async function trackSees(at: bigint): Promise<number> {
  const fold = createFold();
  fold.add({ studentId: ID, userId: USER, source: 'session', at }, AS_OF);
  return as('track').transaction(async (tx) => {
    await raiseLastSeen(tx, fold.columns());
    const returned = await closeEpisodes(tx, fold.columns(), AS_OF);
    const gap = { topic: 't', partition: 0, kind: 'another_topic', fromOffset: 1n, toOffset: null } as const;
    await loadReadState(tx, gap);
    await resetProgress(tx, [gap]);
    await recordProgress(tx, [{ topic: 't', partition: 0, nextOffset: 1n, newestCommitAt: AS_OF }]);
    await recordGaps(tx, [gap]);
    return returned;
  });
}

async function relayInactivity(role: Role): Promise<number | undefined> {
  await readInstallationId(as(role));
  const deps = { database: as(role), producer, topic: 'inactivity', encode, installation: INSTALLATION };
  return createRelay(INACTIVITY_OUTBOX, deps)();
}

const PROCESSES: readonly Role[] = ['track', 'sweep', 'recompute', 'audit', 'replay', 'operator', 'fresh', 'prune'];
const PLATFORM = [
  ...SOURCES,
  'ability_estimates',
  'interest_goal',
  'student_topic_theta',
  'mirt_ability',
  'growth_brms_meta',
];

describe('is refused', () => {
  const refused: (readonly [Role, string])[] = [
    ...PROCESSES.flatMap((role) =>
      [
        'CREATE TABLE lastseen.mine (n int)',
        'CREATE TABLE public.mine (n int)',
        'CREATE TEMPORARY TABLE mine (n int)',
        'CREATE SCHEMA mine',
        'CREATE ROLE mine',
        'TRUNCATE lastseen.user_last_seen',
        ...(role === 'prune' ? [] : ['DELETE FROM lastseen.sweep_run']),
        'DELETE FROM lastseen.track_progress',
        'DELETE FROM weekly_kpi',
        'ALTER TABLE lastseen.episode ADD COLUMN mine int',
      ].map((text) => [role, text] as const),
    ),
    ...(['track', 'sweep', 'recompute', 'audit'] as const).flatMap((role) => [
      [role, 'DELETE FROM lastseen.episode'] as const,
      [role, `INSERT INTO lastseen.migration (name, run_on) VALUES ('x', now())`] as const,
    ]),
    ['operator', 'DELETE FROM lastseen.migration'],
    ...['lastseen.user_last_seen', 'lastseen.episode', 'lastseen.inactivity_outbox', 'weekly_kpi'].map(
      (table) => ['fresh', `SELECT FROM ${table}`] as const,
    ),
    ...['exam_results', 'features_topic_daily', 'session'].map(
      (table) => ['fresh', `SELECT user_id FROM ${table}`] as const,
    ),
    ['fresh', 'SELECT detail FROM lastseen.dead_letter'],
    ['fresh', `UPDATE lastseen.track_progress SET next_offset = 0`],
    ...[
      [
        'user_last_seen',
        'dead_letter',
        'track_gap',
        'capture_evidence',
        'capture_break',
        'redriven_letter',
        'unpublished',
      ],
      ['installation', 'migration', 'retention'],
    ].flatMap((tables) => tables.map((table) => ['prune', `DELETE FROM lastseen.${table}`] as const)),
    ...['inactivity_outbox', 'episode'].map((table) => ['prune', `SELECT student_id FROM lastseen.${table}`] as const),
    ...['kpi_ledger', 'kpi_watermark'].map((table) => ['prune', `SELECT user_id FROM lastseen.${table}`] as const),
    ['prune', 'UPDATE lastseen.episode SET returned_as_of = NULL'],
    ['prune', 'UPDATE lastseen.retention SET created_at = now()'],
    ...[...PLATFORM, 'weekly_kpi', 'lastseen.user_last_seen'].map(
      (table) => ['prune', `SELECT FROM ${table}`] as const,
    ),
    ...(['track', 'sweep', 'recompute', 'operator'] as const).map(
      (role) => [role, 'UPDATE lastseen.retention SET week_floor = NULL'] as const,
    ),
    ['recompute', 'DELETE FROM lastseen.kpi_ledger'],
    ['recompute', 'DELETE FROM lastseen.kpi_watermark'],
    ['migrate', 'CREATE TABLE public.mine (n int)'],
    ['migrate', 'CREATE TEMPORARY TABLE mine (n int)'],
    ...PLATFORM.map((table) => ['migrate', `SELECT FROM ${table}`] as const),
    ...[...PLATFORM, 'weekly_kpi', 'lastseen.kpi_ledger'].map((table) => ['track', `SELECT FROM ${table}`] as const),
    ['track', 'SELECT failure FROM lastseen.sweep_run'],
    ['track', 'UPDATE lastseen.episode SET noted_on = noted_on'],
    ['track', 'UPDATE lastseen.inactivity_outbox SET user_id = user_id'],
    ...(['track', 'sweep'] as const).map((role) => [role, 'UPDATE lastseen.track_gap SET closed_at = now()'] as const),
    ...[
      'SELECT result_json FROM exam_results',
      'SELECT topic_id FROM features_topic_daily',
      'SELECT correct FROM attempt',
      'SELECT status FROM session',
    ].map((text) => ['sweep', text] as const),
    ['sweep', 'SELECT FROM weekly_kpi'],
    ['sweep', 'SELECT FROM ability_estimates'],
    ['sweep', `UPDATE lastseen.user_last_seen SET session_at = now()`],
    ['sweep', `INSERT INTO lastseen.user_last_seen (student_id) VALUES ('${ID}')`],
    ['sweep', 'UPDATE lastseen.track_progress SET next_offset = 0'],
    ['recompute', `UPDATE weekly_kpi SET user_id = 'x'`],
    ['recompute', `UPDATE weekly_kpi SET created_at = now()`],
    ['recompute', 'UPDATE lastseen.user_last_seen SET user_id = user_id'],
    ['recompute', 'SELECT FROM lastseen.episode'],
    ['recompute', 'UPDATE lastseen.kpi_ledger SET p = 0'],
    ...(['recompute', 'operator'] as const).flatMap((role) =>
      PLATFORM.map((table) => [role, `DELETE FROM ${table}`] as const),
    ),
    ['replay', 'UPDATE lastseen.track_progress SET next_offset = 0'],
    ['replay', 'DELETE FROM lastseen.track_progress'],
    ['replay', 'UPDATE lastseen.episode SET noted_on = noted_on'],
    ['replay', 'UPDATE lastseen.inactivity_outbox SET user_id = user_id'],
    ['replay', 'SELECT FROM public.debezium_signal'],
    ...[...PLATFORM, 'weekly_kpi', 'lastseen.kpi_ledger', 'lastseen.sweep_run'].map(
      (table) => ['replay', `SELECT FROM ${table}`] as const,
    ),
    ['operator', 'UPDATE lastseen.user_last_seen SET user_id = user_id'],
    ...[
      'SELECT status FROM exam_results',
      'SELECT topic_id FROM features_topic_daily',
      'SELECT correct FROM attempt',
    ].map((text) => ['audit', text] as const),
    ['audit', 'SELECT FROM weekly_kpi'],
    ['audit', 'SELECT FROM lastseen.episode'],
    ['audit', 'UPDATE lastseen.track_progress SET next_offset = 0'],
    ['audit', 'DELETE FROM lastseen.audit_run'],
    ...['track', 'sweep', 'recompute'].map((role) => [role as Role, 'DELETE FROM lastseen.user_last_seen'] as const),
    ['operator', 'DELETE FROM lastseen.redriven_letter'],
    ['operator', 'UPDATE lastseen.redriven_letter SET redriven_at = now()'],
    ...(['track', 'sweep', 'recompute'] as const).map(
      (role) => [role, 'SELECT FROM lastseen.redriven_letter'] as const,
    ),
    ['operator', `INSERT INTO public.debezium_signal VALUES ('1', 'log')`],
  ];

  it.each(refused)('to %s: %s', async (role, text) => {
    await expect(as(role).query({ text })).rejects.toMatchObject({
      code: 'postgres_refused',
      message: expect.stringMatching(/permission denied|must be owner/),
    });
  });

  it('to sweep, which may lock a row of last seen, to change the column it may lock by', async () => {
    const text = 'UPDATE lastseen.user_last_seen SET last_seen_at = now()';
    await expect(as('sweep').query({ text })).rejects.toThrow(/generated column|can only be updated to DEFAULT/);
  });

  it('to use rights that were granted before the roles were applied again', async () => {
    await db.database.query({ text: 'GRANT ALL ON lastseen.episode, session TO lastseen_track' });
    await db.database.query({ text: rolesSql() });
    await expect(as('track').query({ text: 'SELECT FROM session' })).rejects.toThrow('permission denied');
    await expect(as('track').query({ text: 'DELETE FROM lastseen.episode' })).rejects.toThrow('permission denied');
    await trackSees(AS_OF);
  });

  it('to log in with a wrong password, in one line without the password', async () => {
    const url = new URL(asRole(inject('postgresUrl'), 'track'));
    url.password = 'canary-of-a-password';
    const { code, stderr } = await runCli({ DATABASE_URL: url.href }, ['migrate']);
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr:
        'lastseen migrate: Postgres (DATABASE_URL) refuses the connection: password authentication failed for user "lastseen_track"; ' +
        'check its URL and pg_hba.conf\n',
    });
  });
});
