import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { must } from '../../src/runtime/must.ts';
import { missingOwnTables, readMigrations } from '../../src/setup/migrations-store.ts';
import { asRole, roleOf, rolesSql } from '../../stack/roles.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { runCli, type StartedCli, startCli } from '../support/lastseen-cli.ts';
import { logLine } from '../support/machine-format.ts';
import { waitFor } from '../support/waiting.ts';

const OLDER = /own tables are older than this release \(0\d+_\w+\): run `lastseen migrate`/;

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());

const sql = (text: string) => db.database.query<{ name: string }>({ text });
/** The role of the command, and a broker and a registry that do not answer. */
const envOf = (args: readonly string[]) => ({
  DATABASE_URL: asRole(db.url, roleOf(args[0])),
  KAFKA_BROKERS: '127.0.0.1:1',
  SCHEMA_REGISTRY_URL: 'http://127.0.0.1:1',
  HTTP_PORT: '0',
});

let newest: string;
beforeAll(async () => {
  newest = (await sql('SELECT max(name) AS name FROM lastseen.migration')).rows[0]?.name ?? '';
});

const removeNewest = () => sql(`DELETE FROM lastseen.migration WHERE name = '${newest}'`);
const restoreNewest = () => sql(`INSERT INTO lastseen.migration (name, run_on) VALUES ('${newest}', now())`);

describe('if own tables are older than the release', () => {
  beforeAll(removeNewest);
  afterAll(restoreNewest);

  it.concurrent.each([
    ['sweep', '--force'],
    ['audit', 'runs'],
    ['replay', '--from', 'earliest'],
    ['dlq', 'list'],
    ['kpi', '--as-of', '2026-03-16T05:00:00Z', '--all', '--store'],
    ['track', '--until-end'],
  ])('%s %s exits with 1 and one line that names the command to run', async (...args) => {
    const { HTTP_PORT: _, ...env } = envOf(args);
    const { code, stdout, stderr } = await runCli(env, args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr.trim().split('\n')).toEqual([expect.stringMatching(OLDER)]);
  });
});

describe('a consumer', () => {
  let run: StartedCli;
  afterEach(async () => {
    run.process.kill('SIGKILL');
    await run.ended;
  });

  const start = (command: string) => {
    run = startCli(envOf([command]), [command]);
    return logOf(run);
  };
  /** After the check of own tables it waits for the brokers, which do not answer. */
  const continues = (ask: Ask) =>
    waitFor(
      'waiting only for the consumer group',
      async () => (await ask('/readyz')).text === '{"ready":false,"reasons":["not a member of the consumer group"]}',
    );

  it.each(['track', 'recompute'])(
    '%s waits for the migration, live but not ready, logs that once, and then continues',
    async (command) => {
      await removeNewest();
      const log = start(command);
      const ask = await probesOf(log);
      await log.until(logLine('migration_waiting'));
      await waitFor('three more checks', async () => /code="not_migrated"} [3-9]/.test((await ask('/metrics')).text));
      expect(await ask('/healthz')).toMatchObject({ status: 200 });
      expect(await ask('/readyz')).toMatchObject({ status: 503, text: expect.stringMatching(OLDER) });
      await restoreNewest();
      await continues(ask);
      expect(log.text.match(new RegExp(logLine('migration_waiting'), 'g'))).toHaveLength(1);
    },
  );

  it('also waits for the right to read the migrations', async () => {
    await sql(`REVOKE SELECT ON lastseen.migration FROM lastseen_track`);
    const log = start('track');
    await log.until(
      logLine('migration_waiting', 'may not read lastseen\\.migration: run `lastseen migrate`, then k8s'),
    );
    await sql(rolesSql());
    await continues(await probesOf(log));
  });

  it('accepts tables of a newer release, and logs that', async () => {
    await sql(`INSERT INTO lastseen.migration (name, run_on) VALUES ('9999_of_a_newer_release', now())`);
    try {
      const log = start('track');
      await log.until(logLine('newer_migrations_found', '9999_of_a_newer_release'));
      await continues(await probesOf(log));
    } finally {
      await sql(`DELETE FROM lastseen.migration WHERE name = '9999_of_a_newer_release'`);
    }
  });

  it('exits with 0 on SIGTERM while it waits', async () => {
    await removeNewest();
    try {
      await start('track').until(logLine('migration_waiting'));
      run.process.kill('SIGTERM');
      expect(await run.ended).toMatchObject({ code: 0 });
    } finally {
      await restoreNewest();
    }
  });
});

function logOf(run: StartedCli) {
  let exited = false;
  void run.ended.then(() => {
    exited = true;
  });
  const log = {
    text: '',
    /** Waits for a match in all that was logged since the start. */
    async until(pattern: RegExp): Promise<RegExpExecArray> {
      await waitFor(`a log line that matches ${pattern}`, async () => {
        if (exited && !pattern.test(log.text)) throw new Error(`exited without ${pattern}:\n${log.text}`);
        return pattern.test(log.text);
      });
      return must(pattern.exec(log.text), 'the pattern matched');
    },
  };
  run.process.stderr?.on('data', (more: string) => {
    log.text += more;
  });
  return log;
}

type Ask = (path: string) => Promise<{ readonly status: number; readonly text: string }>;

async function probesOf(log: ReturnType<typeof logOf>): Promise<Ask> {
  const [, address] = await log.until(/"address":"(http:\/\/[^"]+)"/);
  const port = new URL(address ?? '').port;
  return async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: response.status, text: await response.text() };
  };
}

it('names the tables that migrations have created and that are gone', async () => {
  const names = await readMigrations(db.database);
  expect(await missingOwnTables(db.database, names)).toEqual([]);
  await sql('ALTER TABLE lastseen.sweep_candidate RENAME TO elsewhere');
  try {
    expect(await missingOwnTables(db.database, names)).toEqual(['lastseen.sweep_candidate']);
  } finally {
    await sql('ALTER TABLE lastseen.elsewhere RENAME TO sweep_candidate');
  }
});
