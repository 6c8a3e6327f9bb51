import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rolesSql } from '../../stack/roles.ts';
import { waitForMembers } from '../support/consumer-groups.ts';
import type { CliRun, StartedCli } from '../support/lastseen-cli.ts';
import { previousRelease } from '../support/previous-release.ts';
import { differenceFromSources } from '../support/source-comparison.ts';
import { waitFor, waitForLog } from '../support/waiting.ts';
import { createWorld, type World } from '../support/world.ts';

const previous = previousRelease();
if ('missing' in previous) console.warn(`the test of two releases side by side is skipped: ${previous.missing}`);

let world: World;
beforeAll(async () => {
  if ('missing' in previous) return;
  world = await createWorld();
  // The tables and rights of the previous release.
  await sql('DROP SCHEMA lastseen CASCADE');
  const roles = readFileSync(join(previous.root, 'k8s/postgres/roles.sql'), 'utf8');
  await sql(roles);
  await done(world.startOf(previous.cli, 'migrate'));
  await sql(roles);
  for (const command of [['topics'], ['schemas', 'register']]) await done(world.start({}, ...command));
  await world.connect();
});
afterAll(async () => {
  if ('missing' in previous) return;
  await world.close();
  previous.remove();
});

const sql = (text: string) => world.database.query<Record<string, unknown>>({ text });

async function done(run: StartedCli): Promise<CliRun> {
  const ended = await run.ended;
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  return ended;
}

function stopped(run: StartedCli): Promise<CliRun> {
  run.process.kill('SIGTERM');
  return done(run);
}

test.skipIf('missing' in previous)(
  'two releases of track share a group through an upgrade and its rollback, and lose nothing',
  async () => {
    if ('missing' in previous) throw new Error(previous.missing);
    const startOld = () => world.startOf(previous.cli, 'track');
    const startNew = () => world.start({ HTTP_PORT: '0' }, 'track');
    const load = startLoad();
    try {
      let old = startOld();
      await untilAppliedMore();

      // The new release is deployed before its migrations: it waits, and the old one continues.
      let next = startNew();
      const ask = await probesOf(next);
      await waitFor('the new release waits for migrations', async () =>
        (await ask('/readyz')).text.includes('run `lastseen migrate`'),
      );
      expect(await ask('/readyz')).toMatchObject({ status: 503 });
      expect(await ask('/healthz')).toMatchObject({ status: 200 });
      await untilAppliedMore();

      // After the migration, the new release joins the group of the old one. Then the old one stops.
      expect((await done(world.start({}, 'migrate', '--json'))).json()).toEqual({ applied: previous.laterMigrations });
      await sql(rolesSql());
      await waitForMembers(world, 'track', 2);
      await untilAppliedMore();
      await stopped(old);
      await untilAppliedMore();

      // Rollback: the old release works on the new tables, and its own `migrate` changes nothing.
      expect((await done(world.startOf(previous.cli, 'migrate', '--json'))).json()).toEqual({ applied: [] });
      old = startOld();
      await waitForMembers(world, 'track', 2);
      await stopped(next);
      await untilAppliedMore();

      // The upgrade again.
      next = startNew();
      await waitForMembers(world, 'track', 2);
      await stopped(old);
      const learners = await load.stop();
      await waitFor(
        'last seen equals the sources',
        async () => (await differenceFromSources(world.database)).differing === 0n,
      );
      expect(await differenceFromSources(world.database)).toEqual({ learners, differing: 0n });
      expect(await sql('SELECT FROM lastseen.track_gap')).toMatchObject({ count: 0 });
      await stopped(next);
    } finally {
      await load.stop();
    }
  },
);

/** Inserts sessions of a growing number of learners, and ends them later, until stopped. `stop` returns the number of learners. */
function startLoad(): { stop(): Promise<bigint> } {
  let stopping = false;
  let part = 0;
  const loading = (async () => {
    for (; !stopping; part++) {
      await sql(`
INSERT INTO session (id, user_id, started_at)
SELECT 's-${part}-' || n, 'user-' || (n * 7919 + ${part} * 31) % (300 + 10 * ${part}), timestamptz '2026-03-01Z' + ${part} * interval '1 minute' - n * interval '7 hours'
FROM generate_series(1, 50) n;
UPDATE session SET ended_at = started_at + interval '1 hour' WHERE id >= 's-${part - 2}-' AND id < 's-${part - 2}.'`);
      await sleep(100);
    }
    const { rows } = await sql('SELECT count(DISTINCT user_id) AS learners FROM session');
    return rows[0]?.['learners'] as bigint;
  })();
  return {
    stop() {
      stopping = true;
      return loading;
    },
  };
}

async function applied(): Promise<bigint> {
  const { rows } = await sql('SELECT coalesce(sum(next_offset), 0)::bigint AS applied FROM lastseen.track_progress');
  return rows[0]?.['applied'] as bigint;
}

async function untilAppliedMore(): Promise<void> {
  const before = await applied();
  await waitFor('100 more records applied', async () => (await applied()) > before + 100n);
}

async function probesOf(run: StartedCli) {
  const [, port] = await waitForLog(run, /"address":"http:\/\/[^"]*:(\d+)"/);
  return async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: response.status, text: await response.text() };
  };
}
