import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatInstant, type Instant, MICROS_PER_DAY, parseInstant } from '../../src/activity/instant.ts';
import { studentIdOf } from '../../src/activity/learner.ts';
import { must } from '../../src/runtime/must.ts';
import { withFailingLearner } from '../support/failing-learner.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { runCli } from '../support/lastseen-cli.ts';
import { parseOutput } from '../support/machine-format.ts';
import { insertRows } from '../support/platform-rows.ts';

const AS_OF = must(parseInstant('2026-03-16T05:00:00Z'), 'an instant');
const ago = (days: number): Instant => AS_OF - BigInt(days) * MICROS_PER_DAY;

let db: FreshDatabase;
/** Silent since 8 to 12 days, each seen by a session. Only anna and ben have an ability, anna a newer one in the week. */
beforeAll(async () => {
  db = await freshDatabase();
  for (const [index, user] of ['anna', 'ben', '=cleo', 'Dora', 'emil'].entries()) {
    const at = formatInstant(ago(12 - index));
    await insertRows(db.database, 'session', [{ id: user, user_id: user, started_at: at }]);
    await db.database.query({
      text: 'INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at) VALUES ($1, $2, $3)',
      values: [studentIdOf(user), user, at],
    });
  }
  await insertRows(db.database, 'ability_estimates', [
    { user_id: 'anna', mean: 0, sd: 1, fitted_at: formatInstant(ago(20)) },
    { user_id: 'anna', mean: 0.5, sd: 0.8, fitted_at: formatInstant(ago(6)) },
    { user_id: 'ben', mean: 0, sd: 1, fitted_at: formatInstant(ago(7)) },
    { user_id: 'ben', mean: 9, sd: 1, fitted_at: formatInstant(ago(-1)) },
  ]);
});
afterAll(() => db.close());

const dryRun = (...args: string[]) =>
  runCli({ DATABASE_URL: db.url }, ['sweep', '--dry-run', '--as-of', formatInstant(AS_OF), ...args]);

async function listed(...args: string[]) {
  const { code, stdout, stderr } = await dryRun('--json', ...args);
  expect(code, stderr).toBe(0);
  return stdout
    .trim()
    .split('\n')
    .map((line) => parseOutput<Record<string, unknown>>(line));
}

const users = async (...args: string[]) => (await listed(...args)).map((each) => each['user_id']);

const WAYS: readonly (readonly [string, readonly string[]])[] = [
  ['the table of last seen', []],
  ['the source tables', ['--from-source']],
];

/** Φ(0.625) */
const ANNAS_P = 0.7340144709512995;
/** k days of 14, and the most of the other two terms: there are no exams. */
const S = (days: number) => (0.6 * days) / 14 + 0.25 + 0.15;

describe('a dry run', () => {
  it.each(
    WAYS.flatMap(([way, from]) => [
      [way, 'days', from, ['anna', 'ben', '=cleo', 'Dora', 'emil']] as const,
      [way, 'user', from, ['=cleo', 'Dora', 'anna', 'ben', 'emil']] as const,
      [way, 's', from, ['anna', 'ben', '=cleo', 'Dora', 'emil']] as const,
      [way, 'p', from, ['ben', 'anna']] as const,
    ]),
  )('by %s is sorted by %s', async (_, key, from, expected) => {
    expect((await users('--sort', key, ...from)).slice(0, expected.length)).toEqual(expected);
  });

  it('keeps the learners of the limit, and sorts them', async () => {
    const first = (await users()).slice(0, 3);
    expect(await users('--limit', '3', '--sort', 'user')).toEqual(
      first.toSorted((a, b) => (String(a) < String(b) ? -1 : 1)),
    );
  });

  it.each(WAYS)('by %s adds P and S, and their change since a week before', async (_, from) => {
    const found = await listed('--with', 'P,S', '--sort', 'days', ...from);
    expect(found.map(({ user_id, P, P_change, S, S_change }) => [user_id, P, P_change, S, S_change])).toEqual([
      ['anna', ANNAS_P, ANNAS_P - 0.5, expect.closeTo(S(12), 9), expect.closeTo(0.3, 9)],
      // Known since exactly a week; the later one is not known yet.
      ['ben', 0.5, 0, expect.closeTo(S(11), 9), expect.closeTo(0.3, 9)],
      ['=cleo', null, null, expect.closeTo(S(10), 9), expect.closeTo(0.3, 9)],
      ['Dora', null, null, expect.closeTo(S(9), 9), expect.closeTo(0.3, 9)],
      ['emil', null, null, expect.closeTo(S(8), 9), expect.closeTo(0.3, 9)],
    ]);
  });

  it('by the source tables computes S from the last seen that it shows, not from that of the table', async () => {
    const set = (days: number) =>
      db.database.query({
        text: 'UPDATE lastseen.user_last_seen SET session_at = $2 WHERE student_id = $1',
        values: [studentIdOf('emil'), formatInstant(ago(days))],
      });
    await set(20);
    try {
      const [emil] = (await listed('--from-source', '--with', 'S')).filter(({ user_id }) => user_id === 'emil');
      expect(emil).toMatchObject({ days_inactive: 8, S: expect.closeTo(S(8), 9) });
    } finally {
      await set(8);
    }
  });

  it('computes the figures as kpi does', async () => {
    const { stdout } = await runCli({ DATABASE_URL: db.url }, [
      ...['kpi', '--as-of', formatInstant(AS_OF), '--only', 'P,S', '--json', '--user', 'anna', 'emil'],
    ]);
    const kpi = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { P: number; S: number });
    const [anna, emil] = (await listed('--with', 'P,S')).filter(({ user_id }) => /anna|emil/.test(String(user_id)));
    expect(new Set([anna?.['S'], emil?.['S']])).toEqual(new Set(kpi.map((each) => each.S)));
    expect(kpi.map((each) => each.P)).toEqual([ANNAS_P, null]);
  });

  it('shows them in a table, with the counts below', async () => {
    const { code, stdout } = await dryRun('--with', 'P,S', '--sort', 'days');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^user_id .* deciding source +P +change +S +change$/m);
    expect(stdout).toMatch(/^anna .* session +0\.7340 +\+0\.2340 +0\.9143 +\+0\.3000$/m);
    expect(stdout).toMatch(/^=cleo .* session +– +– +0\.8286 +\+0\.3000$/m);
    expect(stdout).toMatch(/an event would be emitted +5$/m);
  });

  it('writes CSV', async () => {
    const { code, stdout } = await dryRun('--csv', '--with', 'S', '--sort', 'user');
    expect(code).toBe(0);
    const at = formatInstant(ago(10));
    expect(stdout.split('\r\n').slice(0, 2)).toEqual([
      'user_id,student_id,phase,threshold_days,last_seen_at,days_inactive,deciding_source,exam_results_at,' +
        'features_topic_daily_at,attempt_at,session_at,S,S_change,message',
      expect.stringMatching(
        new RegExp(`^'=cleo,${studentIdOf('=cleo')},CROSSED,7,${at},10,session,,,,${at},0\\.828\\d+,0\\.3\\d*,$`),
      ),
    ]);
    expect(stdout.split('\r\n')).toHaveLength(7);
  });

  it('lists a learner whose figures fail, with the reason, and exits with 1', async () => {
    await withFailingLearner(db.database, 'emil', async () => {
      const json = await dryRun('--json', '--sort', 'p');
      expect(json.code).toBe(1);
      const lines = json.stdout.trim().split('\n');
      expect(lines).toHaveLength(5);
      const failed = lines.map((line) => parseOutput<Record<string, unknown>>(line)).find(({ message }) => message);
      expect(failed).toMatchObject({ user_id: 'emil', message: expect.stringContaining('22012') });
      expect((await dryRun('--with', 'P')).stdout).toMatch(/^emil .* failed: .*22012/m);
    });
  });

  it.each([
    ['--sort', 'name'],
    ['--with', 'P,I_t'],
    ['--csv', '--json'],
  ])('is wrong usage with %s %s', async (...args) => {
    expect(await dryRun(...args)).toMatchObject({ code: 2, stdout: '' });
  });

  it.each([['--sort', 's'], ['--with', 'P'], ['--csv'], ['--from-source']])('is needed by %s', async (...flags) => {
    const env = { DATABASE_URL: db.url, KAFKA_BROKERS: 'x:1', SCHEMA_REGISTRY_URL: 'http://x' };
    expect(await runCli(env, ['sweep', ...flags])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`${flags[0]} needs --dry-run`),
    });
  });
});
