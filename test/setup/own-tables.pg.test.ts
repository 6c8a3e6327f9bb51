import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { asRole, roleOf, rolesSql } from '../../stack/roles.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { runCli, type StartedCli, startCli } from '../support/lastseen-cli.ts';

const OLDER = /own tables are older than this release \(0\d+_\w+\): run `lastseen migrate`/;

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());

const sql = (text: string) => db.database.query<{ name: string }>({ text });
/** As a role of the command, with servers besides that nobody answers at. */
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

const unmigrate = () => sql(`DELETE FROM lastseen.migration WHERE name = '${newest}'`);
const migrated = () => sql(`INSERT INTO lastseen.migration (name, run_on) VALUES ('${newest}', now())`);

describe('where own tables are older than the release', () => {
  beforeAll(unmigrate);
  afterAll(migrated);

  it.concurrent.each([
    ['sweep', '--force'],
    ['audit', 'runs'],
    ['replay', '--from', 'earliest'],
    ['dlq', 'list'],
    ['kpi', '--as-of', '2026-03-16T05:00:00Z', '--all'],
    ['track', '--until-end'],
  ])('%s %s ends with one line that says what to do', async (...args) => {
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
  /** Nothing stands in its way but the next thing it needs, which is not there in these tests. */
  const goesOn = (ask: Ask) =>
    until(
      async () => (await ask('/readyz')).text === '{"ready":false,"reasons":["not a member of the consumer group"]}',
    );

  it.each(['track', 'recompute'])(
    '%s waits for the migration, alive and not ready, says so once, and goes on',
    async (command) => {
      await unmigrate();
      const log = start(command);
      const ask = await probesOf(log);
      await log.until(/migration_waiting/);
      // Looked at again and again meanwhile.
      await until(async () => /code="not_migrated"} [3-9]/.test((await ask('/metrics')).text));
      expect(await ask('/healthz')).toMatchObject({ status: 200 });
      expect(await ask('/readyz')).toMatchObject({ status: 503, text: expect.stringMatching(OLDER) });
      await migrated();
      await goesOn(ask);
      expect(log.text.match(/migration_waiting/g)).toHaveLength(1);
    },
  );

  it('waits for the right to see it, too', async () => {
    await sql(`REVOKE SELECT ON lastseen.migration FROM lastseen_track`);
    const log = start('track');
    await log.until(/migration_waiting.*may not read lastseen\.migration: run `lastseen migrate`, then k8s/);
    await sql(rolesSql());
    await goesOn(await probesOf(log));
  });

  it('takes tables of a newer release, and says so', async () => {
    await sql(`INSERT INTO lastseen.migration (name, run_on) VALUES ('9999_of_a_newer_release', now())`);
    try {
      const log = start('track');
      await log.until(/"level":30.*newer_migrations_found.*9999_of_a_newer_release/);
      await goesOn(await probesOf(log));
    } finally {
      await sql(`DELETE FROM lastseen.migration WHERE name = '9999_of_a_newer_release'`);
    }
  });

  it('told to stop while it waits, ends with nothing left undone', async () => {
    await unmigrate();
    try {
      await start('track').until(/migration_waiting/);
      run.process.kill('SIGTERM');
      expect(await run.ended).toMatchObject({ code: 0 });
    } finally {
      await migrated();
    }
  });
});

const LOGGED_WITHIN_MS = 20_000;

function logOf(run: StartedCli) {
  const log = {
    text: '',
    async until(pattern: RegExp): Promise<RegExpExecArray> {
      const startedAt = performance.now();
      let ended = false;
      void run.ended.then(() => {
        ended = true;
      });
      for (;;) {
        const match = pattern.exec(log.text);
        if (match !== null) return match;
        if (ended) throw new Error(`ended without ${pattern}:\n${log.text}`);
        if (performance.now() - startedAt > LOGGED_WITHIN_MS) throw new Error(`no ${pattern} in time:\n${log.text}`);
        await sleep(20);
      }
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

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(50);
}
