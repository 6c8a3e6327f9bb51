import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { studentIdOf } from '../../src/activity/learner.ts';
import { readConfiguration } from '../../src/config/configuration.ts';
import type { FigureOptions } from '../../src/kpi/figures/figures.ts';
import { metricsPolicy } from '../../src/kpi/figures/policy.ts';
import { chosenLearners } from '../../src/kpi/learners-pipeline.ts';
import { withFailingLearner } from '../support/failing-learner.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { runCli, startCli } from '../support/lastseen-cli.ts';
import { clearPlatform, insertRows } from '../support/platform-rows.ts';

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(() => clearPlatform(db.database));

const AS_OF = ['--as-of', '2026-03-16T05:00:00Z'];

const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  runCli({ DATABASE_URL: db.url, ...env }, ['kpi', ...args]);

async function lines(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { code, stdout, stderr } = await run([...args, '--json'], env);
  expect(code, stderr).toBe(0);
  return stdout
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** An ability N(0.5, 0.8²), exams on 03-01, 03-03 and 03-05: P = Φ(0.625), S = 0.6·11/14 + 0.25·2/7 + 0.15·0.7. */
async function anna(): Promise<void> {
  await insertRows(db.database, 'ability_estimates', [
    { user_id: 'anna', mean: 0.5, sd: 0.8, fitted_at: '2026-03-01Z' },
  ]);
  await insertRows(
    db.database,
    'exam_results',
    [1, 3, 5].map((day) => ({
      id: `00000000-0000-4000-8000-00000000000${day}`,
      session_id: `s${day}`,
      user_id: 'anna',
      created_at: `2026-03-0${day}T00:00Z`,
    })),
  );
}

/** What each line states beside the figures. */
const BASIS = { profile: 'standard', day: '2026-03-16', horizon_days: 14, target: 0 };

const KEYS = ['user_id', 'week_start', 'as_of', ...Object.keys(BASIS)];

const P = 0.7340144709512995;
const S = 0.6478571428571429;

async function weekly(): Promise<readonly Record<string, unknown>[]> {
  const { rows } = await db.database.query<Record<string, unknown>>({
    text: 'SELECT user_id, week_start, kpis::text AS kpis FROM weekly_kpi ORDER BY user_id, week_start',
  });
  return rows;
}

describe('lastseen kpi', () => {
  it('prints one JSON object per learner, with null for figures that cannot be computed', async () => {
    await anna();
    expect(await lines([...AS_OF, '--user', 'anna', 'ben'])).toEqual([
      {
        user_id: 'anna',
        week_start: '2026-03-16',
        as_of: '2026-03-16T05:00:00.000000Z',
        ...BASIS,
        I_t: null,
        E_t: null,
        R_t: null,
        A_t: null,
        P,
        S: expect.closeTo(S, 12),
      },
      {
        user_id: 'ben',
        week_start: '2026-03-16',
        as_of: '2026-03-16T05:00:00.000000Z',
        ...BASIS,
        I_t: null,
        E_t: null,
        R_t: null,
        A_t: null,
        P: null,
        S: null,
      },
    ]);
    expect(await weekly()).toEqual([]);
  });

  it('prints a table and a summary without --json', async () => {
    await anna();
    const { code, stdout } = await run([...AS_OF, '--user', 'anna', '--user', 'ben']);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^profile standard, horizon 14 days, target 0\nP as of 2026-03-16T05:00:00\.000000Z, all other figures for the day 2026-03-16\n\n/,
    );
    expect(stdout).toMatch(
      /^user_id +I_t +E_t +R_t +A_t +P +S +target\nanna +– +– +– +– +0\.7340 +0\.6479 +0\nben +(– *){6} 0\n/m,
    );
    expect(stdout).toMatch(/no figure can be computed +1/);
  });

  it('prints CSV with the keys of the JSON, and why a learner failed', async () => {
    await anna();
    const flags = [...AS_OF, '--user', 'anna', 'ben', '=1+1', '--only', 'P'];
    const basis = '2026-03-16,2026-03-16T05:00:00.000000Z,standard,2026-03-16,14';
    expect(await run([...flags, '--csv'])).toMatchObject({
      code: 0,
      stdout: [
        'user_id,week_start,as_of,profile,day,horizon_days,target,P,message',
        `anna,${basis},0,${P},`,
        `ben,${basis},0,,`,
        `'=1+1,${basis},0,,`,
        '',
      ].join('\r\n'),
    });
    await withFailingLearner(db.database, 'ben', async () => {
      const failing = await run([...flags, '--csv']);
      expect(failing.code).toBe(1);
      expect(failing.stdout).toMatch(/^anna,.*,0,0\.\d+,\r\nben,[^\r]*,14,,,[^,]*SQLSTATE 22012[^,]*\r\n/m);
    });
    expect(await run([...flags, '--csv', '--json'])).toMatchObject({ code: 2, stdout: '' });
  });

  it('finds all learners of the source tables, and the inactive ones by the table of last seen', async () => {
    await anna();
    await insertRows(db.database, 'session', [{ id: '1', user_id: 'Ben', started_at: '2026-03-14Z' }]);
    await insertRows(db.database, 'features_topic_daily', [
      { user_id: 'cleo', topic_id: 't', date: '2026-03-01', last_seen_at: '2026-03-01Z' },
    ]);
    const seen = [
      ['anna', '2026-03-05Z'],
      ['Ben', '2026-03-14Z'],
      ['dora', '2026-03-09T05:00Z'],
      ['emil', '2026-03-09T05:00:00.000001Z'],
    ];
    for (const [userId, at] of seen) {
      await db.database.query({
        text: 'INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at) VALUES ($1, $2, $3)',
        values: [studentIdOf(userId ?? ''), userId, at],
      });
    }
    const names = async (...args: string[]) => (await lines([...AS_OF, ...args])).map((line) => line['user_id']);
    expect(await names('--all')).toEqual(['Ben', 'anna', 'cleo']);
    expect(new Set(await names('--inactive'))).toEqual(new Set(['anna', 'dora']));
  });

  it('prints and stores only the requested figures', async () => {
    await anna();
    const [line] = await lines([...AS_OF, '--user', 'anna', '--only', 'S,I_t', '--store']);
    expect(Object.keys(line ?? {})).toEqual([...KEYS, 'I_t', 'S']);
    expect(await weekly()).toEqual([{ user_id: 'anna', week_start: '2026-03-16', kpis: `{"S": ${line?.['S']}}` }]);
  });

  it('stores by merging: keeps other keys, never overwrites with null, and does not write an unchanged row', async () => {
    await anna();
    await db.database.query({
      text: `INSERT INTO weekly_kpi (user_id, week_start, kpis) VALUES
        ('anna', '2026-03-16', '{"A_t": 0.25, "P": 0.1, "budget": 12345678901234567890.10}'),
        ('ben', '2026-03-16', '{"P": 0.1}')`,
    });
    const { code, stdout } = await run([...AS_OF, '--user', 'anna', 'ben', '--store']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/rows updated +1\n/);
    expect(await weekly()).toEqual([
      {
        user_id: 'anna',
        week_start: '2026-03-16',
        kpis: expect.stringMatching(
          /^\{"P": 0\.7340144709512995, "S": 0\.64785714\d+, "A_t": 0\.25, "budget": 12345678901234567890\.10\}$/,
        ),
      },
      { user_id: 'ben', week_start: '2026-03-16', kpis: '{"P": 0.1}' },
    ]);
    expect((await run([...AS_OF, '--user', 'anna', '--store'])).stdout).toMatch(/rows unchanged +1\n/);
    const { rows } = await db.database.query({ text: 'SELECT FROM lastseen.kpi_ledger' });
    expect(rows).toEqual([]);
  });

  it('creates no row for a learner that no source table has', async () => {
    await db.database.query({
      text: `INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at) VALUES ($1, 'gone', '2026-03-01Z')`,
      values: [studentIdOf('gone')],
    });
    const { code, stdout } = await run([...AS_OF, '--inactive', '--store']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^gone .* 1\.0000 +0$/m);
    expect(stdout).toMatch(/rows unknown +1\n/);
    expect(await weekly()).toEqual([]);
  });

  it('does not store the figures of an as-of that is older than the stored ones', async () => {
    await anna();
    await run(['--as-of', '2026-03-18T05:00:00Z', '--user', 'anna', '--store']);
    const before = await weekly();
    expect((await run([...AS_OF, '--user', 'anna', '--store'])).stdout).toMatch(/rows outdated +1\n/);
    expect(await weekly()).toEqual(before);
  });

  it('computes at the week’s Sunday in the legacy profile', async () => {
    await anna();
    const [line] = await lines([...AS_OF, '--user', 'anna'], { METRICS_PROFILE: 'legacy' });
    // From 03-05 to 03-22: k = 17, at least the horizon.
    expect(line?.['S']).toBeCloseTo(0.6 + (0.25 * 2) / 7 + 0.15 * 0.7, 12);
  });

  it('states the day, the profile, the horizon and the target of the figures', async () => {
    await anna();
    await insertRows(db.database, 'interest_goal', [
      { user_id: 'anna', topic_id: 't', target_level: 0.25, priority: 1 },
    ]);
    const env = { METRICS_PROFILE: 'legacy', METRICS_TARGET_FROM: 'interest_goal' };
    expect(await lines([...AS_OF, '--user', 'anna', '--only', 'P,S'], env)).toMatchObject([
      { profile: 'legacy', day: '2026-03-22', horizon_days: 14, target: 0.25, S: expect.closeTo(0.7764285714, 9) },
    ]);
    const explained = await runCli({ DATABASE_URL: db.url, ...env }, ['explain', 'anna', ...AS_OF, '--json']);
    expect(explained.json()).toMatchObject({
      profile: 'legacy',
      p: { day: '2026-03-16', horizon_days: 14, target: 0.25 },
      s: { day: '2026-03-16', horizon_days: 14, value: expect.closeTo(S, 9) },
    });
  });

  it('computes with the horizon and the target of the flags', async () => {
    await anna();
    await insertRows(db.database, 'interest_goal', [
      { user_id: 'anna', topic_id: 't', target_level: 0.25, priority: 1 },
    ]);
    const env = { METRICS_TARGET_FROM: 'interest_goal' };
    const flags = [...AS_OF, '--target', '0.5', '--horizon', '22'];
    // P = Φ(0); k = 11 of 22
    const expected = {
      horizon_days: 22,
      target: 0.5,
      P: 0.5,
      S: expect.closeTo(0.3 + 0.25 * (2 / 7) + 0.15 * 0.7, 12),
    };
    expect(await lines([...flags, '--user', 'anna'], env)).toMatchObject([expected]);
    const explained = await runCli({ DATABASE_URL: db.url, ...env }, ['explain', 'anna', ...flags, '--json']);
    expect(explained.json()).toMatchObject({ p: { target: 0.5, value: 0.5 }, s: { horizon_days: 22 } });
  });

  it('reads the learners from a file or from standard input', async () => {
    await anna();
    const file = join(tmpdir(), `${randomUUID()}.txt`);
    const text = '\uFEFFanna\r\n\r\nben\r\nanna\n';
    writeFileSync(file, text);
    const names = (output: string) => [...output.matchAll(/"user_id":"(\w+)"/g)].map(([, name]) => name);
    try {
      expect(names((await run([...AS_OF, '--user-file', file, '--json'])).stdout)).toEqual(['anna', 'ben']);
      const piped = execFileSync(process.execPath, [CLI, 'kpi', ...AS_OF, '--user-file', '-', '--json'], {
        input: text,
        encoding: 'utf8',
        env: { DATABASE_URL: db.url },
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      expect(names(piped)).toEqual(['anna', 'ben']);
    } finally {
      rmSync(file);
    }
    const { code, stderr } = await run([...AS_OF, '--user-file', file]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('ENOENT') });
  });

  it('computes for learners of weekly_kpi only too with --all, in the legacy growth mode', async () => {
    await anna();
    await db.database.query({
      text: `INSERT INTO weekly_kpi (user_id, week_start, kpis)
             VALUES ('zoe', '2026-03-02', '{"P": 0.25}'), ('anna', '2026-03-02', '{}'), ('', '2026-03-02', '{}')`,
    });
    const env = { METRICS_PROFILE: 'legacy', METRICS_USE_BAYESIAN: 'true' };
    expect(await lines([...AS_OF, '--all'], env)).toMatchObject([
      { user_id: 'anna', P },
      { user_id: 'zoe', P: 0.25, S: null },
    ]);
    const { settings } = readConfiguration(env, {}, [], () => '');
    const options = { policy: metricsPolicy('legacy'), useBayesian: true } as FigureOptions;
    const deps = { database: db.database, source: db.database, growthService: undefined, options };
    // The total of the progress.
    expect(await (await chosenLearners({ all: true }, 0n, settings, deps)).count()).toBe(2);
    for (const other of [{ METRICS_PROFILE: 'legacy' }, { METRICS_USE_BAYESIAN: 'true' }]) {
      expect((await lines([...AS_OF, '--all'], other)).map((line) => line['user_id'])).toEqual(['anna']);
    }
    await run([...AS_OF, '--all', '--store'], env);
    expect(await weekly()).toContainEqual({ user_id: 'zoe', week_start: '2026-03-16', kpis: '{"P": 0.25}' });
  });

  it('needs own tables only to store figures and to find inactive learners', async () => {
    await anna();
    await db.database.query({ text: 'ALTER SCHEMA lastseen RENAME TO lastseen_away' });
    try {
      expect(await lines([...AS_OF, '--all'])).toMatchObject([{ user_id: 'anna', P, S: expect.closeTo(S, 12) }]);
      const explained = await runCli({ DATABASE_URL: db.url }, ['explain', 'anna', ...AS_OF, '--json']);
      expect(explained, explained.stderr).toMatchObject({ code: 0 });
      expect(explained.json()).toMatchObject({
        missing_tables: expect.stringContaining('lastseen migrate'),
        events: [],
        s: { value: expect.closeTo(S, 12) },
      });
      for (const flags of [['--all', '--store'], ['--inactive']]) {
        expect(await run([...AS_OF, ...flags])).toMatchObject({ code: 1, stderr: expect.stringContaining('migrate') });
      }
    } finally {
      await db.database.query({ text: 'ALTER SCHEMA lastseen_away RENAME TO lastseen' });
    }
    // Five processes are started.
  }, 60_000);

  it('asks the growth service for P if there is a fit, and uses the normal rule if it fails', async () => {
    await anna();
    await insertRows(db.database, 'growth_brms_meta', [
      { run_id: 'r', posterior_summary: {}, fitted_at: '2026-03-01Z' },
    ]);
    const asked: unknown[] = [];
    let status = 200;
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      asked.push(`${request.method} ${request.url} ${Buffer.concat(chunks)}`);
      response.writeHead(status, { 'content-type': 'application/json' }).end('{"probability": 0.375}');
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const env = {
      METRICS_USE_BAYESIAN: 'true',
      R_BRMS_BASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    };
    try {
      expect(await lines([...AS_OF, '--user', 'anna', '--only', 'P'], env)).toMatchObject([{ P: 0.375 }]);
      expect(asked).toEqual(['POST /growth/predict {"mean":0.5,"sd":0.8,"target":0}']);
      status = 500;
      expect(await lines([...AS_OF, '--user', 'anna', '--only', 'P'], env)).toMatchObject([{ P }]);
    } finally {
      server.close();
    }
    expect(await lines([...AS_OF, '--user', 'anna', '--only', 'P'], env)).toMatchObject([{ P }]);
  });

  it('writes every line to a slow reader, and ends without an EPIPE error if the reader closes', async () => {
    const userIds = Array.from({ length: 4_000 }, (_, index) => `learner-${index}`);
    const slow = startCli({ DATABASE_URL: db.url }, ['kpi', ...AS_OF, '--json', '--user', ...userIds]);
    slow.process.stdout?.pause();
    await sleep(3_000);
    slow.process.stdout?.resume();
    const { code, stdout } = await slow.ended;
    expect(code).toBe(0);
    expect(stdout.trim().split('\n')).toHaveLength(4_000);

    const left = startCli({ DATABASE_URL: db.url }, ['kpi', ...AS_OF, '--json', '--user', ...userIds]);
    left.process.stdout?.destroy();
    expect((await left.ended).stderr).not.toContain('EPIPE');
  });

  it.each([
    ['no as-of', ['--all']],
    ['an as-of that is no instant', ['--as-of', 'yesterday', '--all']],
    ['no learners', AS_OF],
    ['an empty user_id, which is no learner', [...AS_OF, '--user', 'anna', '']],
    ['two kinds of learners', [...AS_OF, '--all', '--user', 'anna']],
    ['learners and a file of learners', [...AS_OF, '--user', 'anna', '--user-file', 'x']],
    ['storing for another horizon', [...AS_OF, '--all', '--store', '--horizon', '7']],
    ['a target that is no number', [...AS_OF, '--all', '--target', 'high']],
    ['an unknown figure', [...AS_OF, '--all', '--only', 'P,Q']],
    ['storing for a future as-of', ['--as-of', '2999-01-01', '--all', '--store']],
  ])('is wrong usage with %s', async (_, args) => {
    const { code, stderr } = await run(args);
    expect(code).toBe(2);
    expect(stderr.split('\n')[0]).toMatch(/--as-of|--user|--only|--store|METRICS_DEFAULT_TARGET/);
  });
});
