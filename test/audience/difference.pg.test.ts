import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatInstant, type Instant, MICROS_PER_DAY, parseInstant } from '../../src/activity/instant.ts';
import { must } from '../../src/runtime/must.ts';
import { sweep } from '../../src/sweep/pipeline.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { runCli } from '../support/lastseen-cli.ts';
import { parseOutput } from '../support/machine-format.ts';

const AS_OF = must(parseInstant('2026-03-16T05:00:00Z'), 'an instant');
const ago = (days: number): Instant => AS_OF - BigInt(days) * MICROS_PER_DAY;

let db: FreshDatabase;
const sql = <R>(text: string) => db.database.query<R>({ text });
const see = (name: string, days: number) =>
  sql(`
INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at)
VALUES (md5('${name}')::uuid, '${name}', '${formatInstant(ago(days))}')
ON CONFLICT (student_id) DO UPDATE SET session_at = excluded.session_at`);

async function run(asOf: Instant): Promise<string> {
  const { runId } = await sweep(
    {
      database: db.database,
      newRunId: randomUUID,
      now: () => asOf,
      proveFresh: undefined,
      maxCrossedShare: 1,
      relay: async () => 0,
    },
    { asOf, thresholds: [7], lookbackDays: 30, refresh: 'daily' },
  );
  return runId;
}

let runs: { readonly before: string; readonly yesterday: string };
/** The names are what happens to the learners between the run of yesterday and now. */
beforeAll(async () => {
  db = await freshDatabase();
  await see('stays', 15);
  await see('left the lookback', 30);
  await see('returns', 12);
  await see('gets a letter', 11);
  await see('crosses', 7);
  await see('was seen yesterday', 1);
  const before = await run(ago(5));
  const yesterday = await run(ago(1));
  runs = { before, yesterday };
  await see('returns', 0);
  // By a repair: last seen was missing yesterday.
  await see('appears', 9);
  await sql(`
INSERT INTO lastseen.dead_letter (topic, partition, record_offset, record_timestamp, reason, step, detail, student_id)
VALUES ('t', 0, 0, 0, 'missing_column', 'activity', '', md5('gets a letter')::uuid)`);
});
afterAll(() => db.close());

/** The earlier run, changed. */
async function changed(assignments: string): Promise<string> {
  await sql(`UPDATE lastseen.sweep_run SET ${assignments} WHERE run_id = '${runs.before}'`);
  return runs.before;
}

const dryRun = (...args: string[]) =>
  runCli({ DATABASE_URL: db.url }, ['sweep', '--dry-run', '--as-of', formatInstant(AS_OF), ...args]);

async function changes(...args: string[]) {
  const { code, stdout, stderr } = await dryRun('--json', ...args);
  expect(code, stderr).toBe(0);
  const lines = stdout.split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const { change, because, user_id } = parseOutput<Record<string, string>>(line);
    return [change, because, user_id].join(' ');
  });
}

const SINCE_YESTERDAY = [
  'in crossed crosses',
  'in left_out appears',
  'out doubtful gets a letter',
  'out lookback left the lookback',
  'out seen_again returns',
];

describe('sweep --dry-run --diff', () => {
  it('shows who is in and out since a run, and why', async () => {
    expect((await changes('--diff', runs.yesterday)).toSorted()).toEqual(SINCE_YESTERDAY);
  });

  it('takes the newest completed run as `last`', async () => {
    expect((await changes('--diff', 'last')).toSorted()).toEqual(SINCE_YESTERDAY);
  });

  it('shows the same after a sweep of today, whose episodes the run did not have', async () => {
    await run(AS_OF);
    try {
      expect((await changes('--diff', runs.yesterday)).toSorted()).toEqual(SINCE_YESTERDAY);
      // The run left the silence open, and could not decide it.
      expect(await changes('--diff', 'last')).toEqual(['out doubtful gets a letter']);
    } finally {
      await sql(`DELETE FROM lastseen.sweep_run WHERE as_of = '${formatInstant(AS_OF)}'`);
      await sql(`DELETE FROM lastseen.episode WHERE crossed_as_of = '${formatInstant(AS_OF)}'`);
    }
  });

  it('compares with a run of several days ago', async () => {
    expect((await changes('--diff', runs.before)).toSorted()).toEqual([
      'in crossed appears',
      'in crossed crosses',
      'out lookback left the lookback',
      'out seen_again returns',
    ]);
  });

  it('shows a table, and both counts with the unchanged below', async () => {
    const { stdout } = await dryRun('--diff', 'last', '--sort', 'days', '--with', 'S');
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/^change +because +user_id +last seen +days +deciding source +S +change$/);
    expect(lines[1]).toMatch(/^out +lookback +left the lookback +\S+ +30 +session/);
    expect(stdout).toMatch(/^ {2}in +2$/m);
    expect(stdout).toMatch(/^ {2}out +3$/m);
    expect(stdout).toMatch(/^ {2}unchanged +1$/m);
  });

  it('writes CSV', async () => {
    const { stdout } = await dryRun('--diff', 'last', '--csv', '--sort', 'user');
    const [header, first] = stdout.split('\r\n');
    expect(header).toBe(
      'change,because,user_id,student_id,last_seen_at,days_inactive,deciding_source,exam_results_at,' +
        'features_topic_daily_at,attempt_at,session_at',
    );
    expect(first).toMatch(/^in,left_out,appears,/);
  });

  it.each<[string, () => Promise<string>, RegExp]>([
    ['is not there', async () => randomUUID(), /there is no run/],
    ['was held', () => changed(`status = 'held'`), /is held/],
    ['has a later as-of', () => changed(`status = 'completed', as_of = '${formatInstant(ago(-1))}'`), /later as-of/],
  ])('refuses a run that %s', async (_, runId, why) => {
    const refused = await dryRun('--diff', await runId());
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toMatch(why);
  });

  it('refuses a run whose closed silences may be pruned', async () => {
    await sql(`UPDATE lastseen.retention SET week_floor = '2026-03-16'`);
    try {
      expect(await dryRun('--diff', runs.yesterday)).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('is too old'),
      });
    } finally {
      await sql('UPDATE lastseen.retention SET week_floor = NULL');
    }
  });
});

describe('sweep --dry-run --diff-threshold', () => {
  it('shows who is lost by a higher threshold', async () => {
    expect((await changes('--diff-threshold', '10')).toSorted()).toEqual([
      'out threshold appears',
      'out threshold crosses',
    ]);
  });

  it('shows who is added by a lower threshold', async () => {
    expect(await changes('--diff-threshold', '1')).toEqual(['in threshold was seen yesterday']);
  });

  it('refuses a threshold that the lookback does not exceed', async () => {
    expect(await dryRun('--diff-threshold', '30')).toMatchObject({ code: 2, stdout: '' });
  });
});

it.each([
  [['--diff', 'last', '--diff-threshold', '10']],
  [['--diff', 'last', '--from-source']],
  [['--diff-threshold', '10', '--limit', '3']],
  [['--diff', 'yesterday']],
  [['--diff-threshold', '0']],
])('%j is wrong usage', async (args) => {
  expect(await dryRun(...args)).toMatchObject({ code: 2, stdout: '' });
});

it.each([
  ['--diff', 'last'],
  ['--diff-threshold', '10'],
])('%s needs --dry-run', async (...flags) => {
  const env = { DATABASE_URL: db.url, KAFKA_BROKERS: 'x:1', SCHEMA_REGISTRY_URL: 'http://x' };
  const refused = await runCli(env, ['sweep', ...flags]);
  expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining(`${flags[0]} needs --dry-run`) });
});
