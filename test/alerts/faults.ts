import { fileURLToPath } from 'node:url';
import { sleep } from '../faults/waiting.ts';
import { openTransaction } from '../support/open-transaction.ts';
import type { AlertWorld } from './alert-world.ts';

export interface AlertFault {
  readonly name: string;
  /** Alerts that must fire, and must resolve after the repair. */
  readonly fires: readonly string[];
  /** Other alerts that may fire, because their condition is true as well. */
  readonly mayFire?: readonly string[];
  /** Alerts that still fire after this fault is repaired, until the next one is. */
  readonly keepFiring?: readonly string[];
  /** @returns a function that repairs the fault. */
  inject(alertWorld: AlertWorld): Promise<() => Promise<void>>;
}

const HOG = fileURLToPath(new URL('./hog.cjs', import.meta.url));
const NOT_YET = ['LastseenNeverSwept', 'LastseenNeverAudited'];

/** Injected in this order: the first two prepare the others. */
export const ALERT_FAULTS: readonly AlertFault[] = [
  {
    name: 'nothing-runs',
    fires: ['LastseenProcessAbsent'],
    mayFire: [...NOT_YET, 'LastseenSourceNotFresh'],
    keepFiring: [...NOT_YET, 'LastseenSourceNotFresh'],
    async inject({ start }) {
      return async () => start('track', 'recompute');
    },
  },
  {
    name: 'no-connector',
    fires: ['LastseenSourceNotFresh', ...NOT_YET],
    async inject({ sql, connect, lastseen }) {
      await sql(`
INSERT INTO session (id, user_id, started_at)
SELECT 's-' || u, 'user-' || u, now() - u % 10 * interval '1 day' FROM generate_series(1, 200) u`);
      await sql(`
INSERT INTO ability_estimates (user_id, mean, sd, fitted_at)
SELECT 'user-' || u, (u % 40 - 20) / 10.0, 0.7, now() - interval '30 days' FROM generate_series(1, 200) u`);
      await sql(`
INSERT INTO attempt (id, student_id, completed_at)
SELECT u, md5('user-' || u)::uuid, now() - u % 10 * interval '1 day' FROM generate_series(1, 200) u`);
      return async () => {
        await connect();
        await lastseen([0], 'sweep', '--json');
        await lastseen([0], 'audit', '--json');
      };
    },
  },
  {
    name: 'nights-left-out',
    fires: ['LastseenNoSweepCompleted', 'LastseenNoAudit', 'LastseenNotPruned'],
    async inject({ sql, lastseen }) {
      await sql(
        `UPDATE lastseen.sweep_run SET started_at = started_at - interval '27 hours', finished_at = finished_at - interval '27 hours'`,
      );
      await sql(
        `UPDATE lastseen.audit_run SET started_at = started_at - interval '51 hours', finished_at = finished_at - interval '51 hours'`,
      );
      await sql(`UPDATE lastseen.retention SET created_at = now() - interval '16 days'`);
      return async () => {
        await lastseen([0], 'sweep', '--json');
        await lastseen([0], 'audit', '--json');
        await lastseen([0], 'prune', '--json');
      };
    },
  },
  {
    name: 'many-fall-silent',
    fires: ['LastseenSweepHeld'],
    async inject({ sql, connect, lastseen }) {
      await sql(`
INSERT INTO session (id, user_id, started_at)
SELECT 's-quiet-' || u, 'quiet-' || u, now() - interval '8 days' FROM generate_series(1, 300) u`);
      await connect();
      const held = await lastseen([3], 'sweep', '--json');
      const { run_id: runId } = held.json<{ run_id: string }>();
      return async () => void (await lastseen([0], 'sweep', 'approve', runId, '--json'));
    },
  },
  {
    name: 'rows-missing',
    fires: ['LastseenAuditDrift'],
    mayFire: ['LastseenSourceNotFresh'],
    async inject({ sql, lastseen }) {
      await sql(`DELETE FROM lastseen.user_last_seen WHERE user_id IN ('user-1', 'user-2', 'user-3')`);
      await lastseen([1], 'audit', '--json');
      return async () => void (await lastseen([0], 'audit', '--repair', '--json'));
    },
  },
  {
    name: 'relay-hangs',
    fires: ['LastseenOutboxStuck'],
    async inject({ sql, world }) {
      const release = await holding((hold) =>
        world.database.session(async (session) => {
          await session.query({ text: `SELECT pg_advisory_lock(x'6c617374'::int, 2)` });
          await hold();
          await session.query({ text: `SELECT pg_advisory_unlock(x'6c617374'::int, 2)` });
        }),
      );
      await sql(`
UPDATE lastseen.inactivity_outbox SET published_at = NULL, detected_at = now()
WHERE seq = (SELECT max(seq) FROM lastseen.inactivity_outbox)`);
      return release;
    },
  },
  {
    name: 'records-expired',
    fires: ['LastseenGapOpen'],
    mayFire: ['LastseenProcessAbsent', 'LastseenSourceNotFresh'],
    async inject({ sql, world, start, stop, lastseen }) {
      await stop('track');
      await touch(sql, 'expired');
      await world.waitForDelivery();
      const admin = world.kafka.admin();
      await admin.connect();
      const topic = `${world.name}.public.session`;
      const ends = await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({
        topic,
        partitions: ends.map(({ partition, high }) => ({ partition, offset: high })),
      });
      await admin.disconnect();
      start('track');
      await touch(sql, 'after-expired');
      return async () => void (await lastseen([0, 1], 'audit', '--repair', '--json'));
    },
  },
  {
    name: 'table-locked',
    fires: ['LastseenLagging'],
    async inject({ sql, world }) {
      const release = await holding((hold) =>
        world.database.transaction(async (tx) => {
          await tx.query({ text: 'LOCK TABLE lastseen.user_last_seen' });
          await hold();
        }),
      );
      await touch(sql, 'locked');
      return release;
    },
  },
  {
    name: 'postgres-away',
    fires: ['LastseenOutage'],
    mayFire: ['LastseenLagging'],
    async inject({ sql, harness: { lastseenProxies } }) {
      lastseenProxies.postgres.cut('reset');
      await touch(sql, 'away');
      return async () => lastseenProxies.postgres.restore();
    },
  },
  {
    name: 'kafka-away',
    fires: ['LastseenNotInGroup'],
    mayFire: ['LastseenOutage', 'LastseenLagging', 'LastseenOutboxStuck', 'LastseenSourceNotFresh'],
    async inject({ harness: { lastseenProxies } }) {
      lastseenProxies.kafka.cut('reset');
      return async () => lastseenProxies.kafka.restore();
    },
  },
  {
    name: 'group-unsettled',
    fires: ['LastseenRebalancing'],
    mayFire: ['LastseenOffsetCommitsFail', 'LastseenNotInGroup', 'LastseenLagging'],
    async inject({ world, sql }) {
      let n = 0;
      const writing = setInterval(() => void touch(sql, `unsettled-${n++}`).catch(() => {}), 50);
      for (let comes = 0; comes < 7; comes++) {
        const consumer = world.kafka.consumer({
          groupId: world.groupOf('track'),
          sessionTimeout: 6_000,
          rebalanceTimeout: 6_000,
        });
        const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
        await consumer.connect();
        await consumer.subscribe({ topics: [`${world.name}.public.session`] });
        await consumer.run({ autoCommit: false, eachBatch: async () => {} });
        await Promise.race([joined, sleep(15_000)]);
        await consumer.disconnect();
        await sleep(1_500);
      }
      return async () => clearInterval(writing);
    },
  },
  {
    name: 'offsets-refused',
    fires: ['LastseenOffsetCommitsFail'],
    async inject({ harness: { lastseenProxies }, sql }) {
      lastseenProxies.kafka.refuseCommits(true);
      let n = 0;
      const writing = setInterval(() => void touch(sql, `refused-${n++}`).catch(() => {}), 1_000);
      return async () => {
        lastseenProxies.kafka.refuseCommits(false);
        clearInterval(writing);
      };
    },
  },
  {
    name: 'bad-record',
    fires: ['LastseenDeadLetters', 'LastseenLettersOpen'],
    async inject({ sql, lastseen }) {
      await sql(
        `INSERT INTO session (id, user_id, started_at) VALUES ('s-future', 'user-1', now() + interval '1 year')`,
      );
      return async () => {
        await sql(`DELETE FROM session WHERE id = 's-future'`);
        await lastseen([0], 'dlq', 'discard', '--reason', 'instant_in_future', '--because', 'a fault');
      };
    },
  },
  {
    name: 'unreadable-record',
    fires: ['LastseenLettersUnreadable'],
    mayFire: ['LastseenDeadLetters', 'LastseenSourceNotFresh'],
    async inject({ world, lastseen }) {
      const producer = world.kafka.producer();
      await producer.connect();
      await producer.send({ topic: `${world.name}.public.session`, messages: [{ key: 'k', value: 'no record' }] });
      await producer.disconnect();
      return async () => void (await lastseen([0], 'audit', '--repair', '--json'));
    },
  },
  {
    name: 'learner-refused',
    fires: ['LastseenRecomputeFails'],
    async inject({ sql }) {
      await sql(`
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$`);
      await sql(
        `CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON weekly_kpi FOR EACH ROW WHEN (new.user_id = 'quiet-7') EXECUTE FUNCTION refuse()`,
      );
      await sql(`DELETE FROM lastseen.kpi_ledger WHERE user_id = 'quiet-7'`);
      await sql(`DELETE FROM lastseen.kpi_watermark WHERE user_id = 'quiet-7'`);
      await sql(`DELETE FROM weekly_kpi WHERE user_id = 'quiet-7'`);
      await sql(`UPDATE lastseen.inactivity_outbox SET published_at = NULL WHERE user_id = 'quiet-7'`);
      return async () => void (await sql('DROP FUNCTION refuse CASCADE'));
    },
  },
  {
    name: 'connector-paused',
    fires: ['LastseenSlotBehind'],
    mayFire: ['LastseenSourceNotFresh'],
    async inject({ sql, world }) {
      await world.pause();
      // Each switch leaves the rest of a 16 MB WAL segment empty, so that the position advances without much load.
      for (let segments = 0; segments < 70; segments++) {
        await sql('SELECT pg_current_xact_id()::text');
        await sql('SELECT pg_switch_wal()::text');
      }
      return async () => {
        await world.resume();
        await world.waitForDelivery();
      };
    },
  },
  {
    name: 'open-transaction',
    fires: ['LastseenRecordsHidden'],
    mayFire: ['LastseenSourceNotFresh'],
    async inject({ world }) {
      const transaction = await openTransaction(world, `${world.name}.public.session`, `${world.name}-alert`);
      return () => transaction.commit();
    },
  },
  {
    name: 'table-unpublished',
    fires: ['LastseenCaptureBroken'],
    mayFire: ['LastseenSourceNotFresh'],
    async inject({ sql, world, lastseen }) {
      await sql(`ALTER PUBLICATION ${world.name} DROP TABLE attempt`);
      await sql(`ALTER PUBLICATION ${world.name} ADD TABLE attempt`);
      return async () => void (await lastseen([0], 'audit', '--repair', '--json'));
    },
  },
  {
    name: 'row-lowered',
    fires: ['LastseenSweepContradicted'],
    async inject({ sql, lastseen }) {
      await sql(
        `INSERT INTO session (id, user_id, started_at) VALUES ('s-lowered', 'lowered', now() - interval '1 hour')`,
      );
      // It waits until the session is applied.
      await lastseen([0], 'audit', '--repair', '--json');
      await sql(`UPDATE lastseen.user_last_seen SET session_at = now() - interval '8 days' WHERE user_id = 'lowered'`);
      await lastseen([75], 'sweep', '--json');
      return async () => {
        await lastseen([0], 'audit', '--repair', '--json');
        await lastseen([0], 'sweep', '--json');
      };
    },
  },
  {
    name: 'memory-hog',
    fires: ['LastseenMemoryShort'],
    async inject({ startSecondTrack }) {
      const hog = startSecondTrack(`--max-old-space-size=160 --max-semi-space-size=1 --require=${HOG}`);
      return () => hog.stop();
    },
  },
];

async function touch(sql: AlertWorld['sql'], name: string): Promise<void> {
  await sql(`
INSERT INTO session (id, user_id, started_at)
SELECT 's-${name}-' || u, 'user-' || u, now() - interval '1 minute' FROM generate_series(101, 110) u`);
}

/**
 * Starts work and waits until it calls `hold`, which blocks it.
 *
 * @returns a function that unblocks the work and waits for its end.
 */
async function holding(work: (hold: () => Promise<void>) => Promise<void>): Promise<() => Promise<void>> {
  const held = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const done = work(() => {
    held.resolve();
    return released.promise;
  });
  await Promise.race([held.promise, done]);
  return async () => {
    released.resolve();
    await done;
  };
}
