import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatInstant, type Instant, MICROS_PER_DAY, parseInstant } from '../../src/activity/instant.ts';
import { SOURCES } from '../../src/activity/source.ts';
import { audit } from '../../src/audit/pipeline.ts';
import { openDatabase } from '../../src/postgres/database.ts';
import { must } from '../../src/runtime/must.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { runCli } from '../support/lastseen-cli.ts';

const AS_OF = must(parseInstant('2026-03-16T05:00:00Z'), 'an instant');
const THEO = '0b2c1d6e-5a4f-4c3b-9d2e-1f0a9b8c7d6e';
const daysBefore = (days: number, micros = 0n): string =>
  formatInstant(AS_OF - BigInt(Math.round(days * 1000)) * (MICROS_PER_DAY / 1000n) - micros);
const session = (user: string, at: string) => `('${randomUUID()}', '${user}', '${at}')`;

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  await db.database.query({
    text: `
INSERT INTO session (id, user_id, started_at) VALUES
  ${session('exactly', daysBefore(7))}, ${session('almost', daysBefore(7, -1n))}, ${session('long', daysBefore(15))},
  ${session('gone', daysBefore(30))}, ${session('still in the lookback', daysBefore(30, -1n))}, ${session('', daysBefore(8))},
  ${session('active', daysBefore(20))}, ${session('active', daysBefore(1))}, ${session('later', daysBefore(9))};
INSERT INTO exam_results (id, session_id, user_id, created_at) VALUES
  ('${randomUUID()}', 'x', 'long', '${daysBefore(9)}'), ('${randomUUID()}', 'y', '${THEO}', '${daysBefore(12)}');
INSERT INTO attempt (id, student_id, completed_at) VALUES
  ('1', '${THEO}', '${daysBefore(8)}'), ('2', gen_random_uuid(), '${daysBefore(8)}'), ('3', gen_random_uuid(), NULL)`,
  });
  await repair();
});
afterAll(() => db.close());

/** Makes the last-seen table what `track` would have made of the rows. */
async function repair(): Promise<void> {
  const source = openDatabase({ url: db.url, applicationName: 'from-source' });
  try {
    await audit(
      {
        database: db.database,
        sourcePrimary: db.database,
        sourceDatabase: source,
        sources: new Set(SOURCES),
        topics: [],
        attemptSource: 'topic',
        maxClockSkewUs: 0n,
        newRunId: randomUUID,
        now: () => AS_OF,
        proveApplied: async () => {},
        lookAtCapture: async () => ({ found: undefined, open: [] }),
        isStopping: () => false,
        showProgress: () => ({ update() {}, end() {} }),
      },
      { repair: 'missing', maxSamples: 0 },
    );
  } finally {
    await source.close();
  }
}

const dryRun = async (asOf: Instant, ...args: string[]) => {
  const flags = ['--dry-run', '--threshold', '7,14', '--lookback', '30', '--as-of', formatInstant(asOf), ...args];
  const run = await runCli({ DATABASE_URL: db.url }, ['sweep', ...flags]);
  expect(run, run.stderr).toMatchObject({ code: 0 });
  return run.stdout;
};
const learners = (stdout: string) =>
  stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('a dry run from the source', () => {
  it('prints the same as a dry run of the table, also with a limit', async () => {
    for (const args of [[], ['--limit', '2', '--json']]) {
      expect(await dryRun(AS_OF, '--from-source', ...args), args.join(' ')).toBe(await dryRun(AS_OF, ...args));
    }
    const found = learners(await dryRun(AS_OF, '--from-source', '--json'));
    expect(new Map(found.map((each) => [each['user_id'], each['threshold_days']]))).toEqual(
      new Map<unknown, unknown>([
        ['exactly', 7],
        ['long', 7],
        ['still in the lookback', 14],
        ['later', 7],
        [THEO, 7],
      ]),
    );
    expect(found.find((each) => each['user_id'] === THEO)).toMatchObject({
      phase: 'CROSSED',
      days_inactive: 8,
      deciding_source: 'attempt',
    });
    const page = await dryRun(AS_OF, '--from-source');
    expect(page).toMatch(/inactive +6\n +an event would be emitted +5\n +unresolved [^\n]* 1\n/);
  });

  it('decides learners who were seen after the as-of', async () => {
    await db.database.query({
      text: `INSERT INTO session (id, user_id, started_at) VALUES ${session('later', daysBefore(-1))}`,
    });
    await repair();
    expect(await dryRun(AS_OF)).toMatch(/undecidable [^\n]* 1$/m);
    expect(learners(await dryRun(AS_OF, '--json')).some((each) => each['user_id'] === 'later')).toBe(false);
    expect(await dryRun(AS_OF, '--from-source')).toMatch(/undecidable [^\n]* 0$/m);
    const later = learners(await dryRun(AS_OF, '--from-source', '--json')).find((each) => each['user_id'] === 'later');
    expect(later).toMatchObject({ days_inactive: 9, last_seen_at: daysBefore(9) });
  });

  it('needs no own tables', async () => {
    const expected = await dryRun(AS_OF, '--from-source');
    await db.database.query({ text: 'DROP SCHEMA lastseen CASCADE' });
    expect(await dryRun(AS_OF, '--from-source')).toBe(expected);
  });

  it('is refused without --dry-run', async () => {
    const run = await runCli({ DATABASE_URL: db.url, KAFKA_BROKERS: 'x:1', SCHEMA_REGISTRY_URL: 'http://x' }, [
      'sweep',
      '--from-source',
    ]);
    expect(run).toMatchObject({ code: 2, stderr: expect.stringContaining('--from-source needs --dry-run') });
  });
});
