import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { runCli } from '../support/lastseen-cli.ts';

const RUN = '018f0000-0000-7000-8000-000000000001';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  await db.database.query({
    text: `
INSERT INTO lastseen.sweep_run (run_id, status, as_of, thresholds, lookback_days, refresh, crossed, failure, started_at)
VALUES ('${RUN}', 'failed', '2026-03-16T05:00Z', '{7,14}', 30, 'daily', 3, E'not fresh: "session"\\nmore', '2026-03-16T05:00Z');
INSERT INTO lastseen.audit_run (run_id, status, sources, repair, started_at)
VALUES ('${RUN}', 'running', '{session,attempt}', 'none', '2026-03-16T05:00Z')`,
  });
});
afterAll(() => db.close());

const run = (...args: string[]) => runCli({ DATABASE_URL: db.url }, args);

describe('--csv', () => {
  it('lists the runs of sweeps, with the keys of the JSON', async () => {
    const { code, stdout } = await run('sweep', 'runs', '--csv');
    expect(code).toBe(0);
    const keys = Object.keys((await run('sweep', 'runs', '--json')).json());
    const [header = '', ...records] = stdout.split('\r\n');
    expect(new Set(header.split(','))).toEqual(new Set(keys));
    expect(records).toEqual([
      expect.stringMatching(
        new RegExp(`^${RUN},failed,2026-03-16T05:00:00.000000Z,7 14,30,,false,.*,"not fresh: ""session""\\nmore",2026`),
      ),
      '',
    ]);
  });

  it('lists the audits', async () => {
    const { code, stdout } = await run('audit', 'runs', '--csv');
    expect(code).toBe(0);
    const at = '2026-03-16T05:00:00.000000Z';
    expect(stdout.split('\r\n').slice(1)).toEqual([`${RUN},running,session attempt,none,,,,,,,,,,${at},`, '']);
  });

  it.each(['sweep runs', 'audit runs', 'audit'])('of %s is refused with --json', async (command) => {
    expect(await run(...command.split(' '), '--csv', '--json')).toMatchObject({ code: 2, stdout: '' });
  });
});
