import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { asRole, roleOf } from '../../stack/roles.ts';
import { type Standby, startStandby } from '../support/standby.ts';
import { step } from '../support/step.ts';
import { createWorld, type World } from '../support/world.ts';

/** The connector decodes from a standby: the slot is there, the log positions are on the primary. */
let standby: Standby;
let world: World;
let heartbeat: NodeJS.Timeout;
beforeAll(async () => {
  const { databaseUrl, connectUrl } = inject('stack');
  standby = await startStandby(databaseUrl, { wal_level: 'logical', hot_standby_feedback: 'on' });
  world = await createWorld({ env: { CONNECT_URL: connectUrl } });
});
afterAll(async () => {
  clearInterval(heartbeat);
  await world?.close();
  // With the slot.
  await standby?.stop();
});

const onPrimary = (text: string) => world.database.query({ text });
const urlOf = (server: string, command: string | undefined) => {
  const url = new URL(server);
  url.pathname = new URL(world.env['DATABASE_URL'] ?? '').pathname;
  return asRole(url.href, roleOf(command));
};
const lastseen = (...args: string[]) =>
  world.lastseenWith(
    {
      SLOT_DATABASE_URL: urlOf(standby.url, args[0]),
      SOURCE_DATABASE_URL: urlOf(inject('stack').databaseUrl, args[0]),
    },
    ...args,
  );
const succeed = async (...args: string[]) => {
  const run = await lastseen(...args);
  expect(run, run.stderr).toMatchObject({ code: 0 });
  return run;
};

test('the main job runs with the slot on a standby', { timeout: 600_000 }, async () => {
  await step('starts the connector on the standby', async () => {
    await world.prepare();
    const tables = 'exam_results, features_topic_daily, attempt, session, debezium_heartbeat, debezium_signal';
    await onPrimary(`CREATE PUBLICATION ${world.name} FOR TABLE ${tables}`);
    await onPrimary(`INSERT INTO session (id, user_id, started_at) VALUES ('1', 'anna', now() - interval '8 days')`);
    // What an operator runs on the primary: the heartbeat, which Debezium cannot write on a standby, and the record of
    // running transactions without which no slot can be created there.
    heartbeat = setInterval(() => {
      onPrimary(`INSERT INTO debezium_heartbeat (id, beat_at) VALUES (1, now())
        ON CONFLICT (id) DO UPDATE SET beat_at = now(); SELECT pg_log_standby_snapshot()`).catch(() => {});
    }, 500);
    const { port } = new URL(standby.url);
    await world.connect({
      'database.port': port,
      'publication.autocreate.mode': 'disabled',
      'heartbeat.action.query': 'SELECT 1',
    });
  });

  const track = { SLOT_DATABASE_URL: urlOf(standby.url, 'track') };
  const tracking = world.start(track, 'track');
  await step('flags a learner', async () => {
    const swept = await succeed('sweep', '--json', '--wait-fresh', '120s');
    expect(swept.json()).toMatchObject({ crossed: 1, verified: 1, published: 1 });
  });

  await step('is not fresh while the connector is stopped, and is again', async () => {
    await succeed('fresh', '--wait', '60s');
    await world.pause();
    await onPrimary(`INSERT INTO session (id, user_id, started_at) VALUES ('2', 'anna', now())`);
    expect(await lastseen('fresh')).toMatchObject({ code: 75 });
    await world.resume();
    await succeed('fresh', '--wait', '60s');
    const returned = await onPrimary(`SELECT FROM lastseen.inactivity_outbox WHERE phase = 'RETURNED'`);
    expect(returned.count).toBe(1);
    tracking.process.kill('SIGTERM');
    await tracking.ended;
  });
});
