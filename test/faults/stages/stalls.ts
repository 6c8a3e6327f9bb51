import { restartFromSnapshot, stopConnector } from '../../../stack/connector.ts';
import { rolesSql } from '../../../stack/roles.ts';
import type { CliRun } from '../../support/lastseen-cli.ts';
import type { World } from '../../support/world.ts';
import { inactivityEvents } from '../events.ts';
import { type Fault, stage } from '../fault.ts';
import { envThroughProxies, type Harness, keepRunning, type Service } from '../harness.ts';
import { sweepUntilDone } from '../sweeping.ts';
import { sleep, until } from '../waiting.ts';

/**
 * A stopped source looks like silent learners. Here learners are silent by what `track` has applied but active in the source
 * tables, or all are silent at once. No sweep may emit events for them.
 */
interface StallStage {
  readonly harness: Harness;
  readonly world: World;
  readonly track: Service;
  close(): Promise<void>;
}

/** `track` looks at capture every ten seconds. */
const LOOK_WITHIN_MS = 11_000;

const LEARNERS = 400;
const QUIET_LEARNERS = 50;

async function open(harness: Harness): Promise<StallStage> {
  const world = await harness.openWorld();
  await world.prepare();
  await world.connect();
  const track = keepRunning(world, envThroughProxies(harness.lastseenProxies, world, 'track'), 'track');
  const state: StallStage = {
    harness,
    world,
    track,
    async close() {
      await track.stop().finally(() => world.close());
    },
  };
  await sql(
    state,
    `
INSERT INTO session (id, user_id, started_at)
SELECT 's-' || u, 'user-' || u, now() - interval '1 hour' FROM generate_series(1, ${LEARNERS}) u`,
  );
  await untilApplied(state);
  await sweepUntilDone(world);
  return state;
}

const sql = ({ world }: StallStage, text: string) => world.database.query<Record<string, unknown>>({ text });

async function untilApplied(state: StallStage): Promise<void> {
  await state.world.waitForDelivery();
  const behind = () =>
    sql(
      state,
      `
SELECT FROM session s LEFT JOIN lastseen.user_last_seen t USING (user_id)
WHERE t.session_at IS NULL OR t.session_at < coalesce(s.ended_at, s.started_at)`,
    );
  const { seen } = await until(behind, ({ count }) => count === 0, 60_000);
  if (seen.count > 0) throw new Error(`track did not apply what was loaded: ${state.track.ends.join('\n')}`);
}

/** Inserts learners who were last seen a week ago, and waits until they are applied: a stalled source would flag them. */
async function loadSilent(state: StallStage, name: string): Promise<void> {
  await sql(
    state,
    `
INSERT INTO session (id, user_id, started_at)
SELECT 's-${name}-' || u, '${name}-' || u, now() - interval '7 days' + interval '2 seconds' FROM generate_series(1, ${QUIET_LEARNERS}) u`,
  );
  await untilApplied(state);
}

async function auditAll({ world }: StallStage): Promise<void> {
  const audit = await world.lastseen('audit', '--repair', '--wait-fresh', '60s', '--json');
  if (audit.code !== 0) throw new Error(`the audit ended with ${audit.code}:\n${audit.stderr}`);
}

/** During the fault a sweep must refuse with this message and emit nothing. After it a sweep must complete. */
function refusing(
  name: string,
  about: string,
  expected: { readonly code: number; readonly message: RegExp; readonly wait: string },
  during: (state: StallStage, n: number, sweep: () => Promise<CliRun>) => Promise<CliRun>,
): Fault<StallStage> {
  return {
    name,
    about,
    async inject(state, n) {
      const before = await inactivityEvents(state.world);
      const refused = await during(state, n, () =>
        state.world.lastseen('sweep', '--wait-fresh', expected.wait, '--json'),
      );
      const endedAt = performance.now();
      const { events } = await inactivityEvents(state.world);
      const rightly = refused.code === expected.code && expected.message.test(refused.stderr);
      if (!rightly) console.error(`the sweep ended with ${refused.code}:\n${refused.stderr}`);
      await sweepUntilDone(state.world);
      return {
        records: QUIET_LEARNERS,
        lost: 0,
        wrong: events.length - before.events.length + (rightly ? 0 : 1),
        duplicates: 0,
        recoveryMs: Math.round(performance.now() - endedAt),
      };
    },
  };
}

/** None of these may count as a break of capture. */
async function harmless(state: StallStage): Promise<void> {
  const { stack } = state.harness;
  const { name } = state.world;
  await sql(state, `ALTER PUBLICATION ${name} ADD TABLE interest_goal`);
  await sql(state, 'CREATE TABLE copy (LIKE interest_goal INCLUDING ALL)');
  await sql(state, 'DROP TABLE interest_goal; ALTER TABLE copy RENAME TO interest_goal');
  await sql(state, rolesSql());
  const published = `SELECT string_agg(tablename, ', ') AS tables FROM pg_publication_tables WHERE pubname = '${name}'`;
  const { rows } = await sql(state, published);
  await sql(state, `ALTER PUBLICATION ${name} SET TABLE ${rows[0]?.['tables']}`);
  await state.world.pause();
  await state.world.resume();
  await sleep(LOOK_WITHIN_MS);
  await stack.killPart('postgres');
  await stack.startPart('postgres');
}

/** Inserts fifteen completed sweeps in which five learners crossed. @param ends SQL: the ends of the sources' topics. */
const insertUsualSweeps = (state: StallStage, ends: string) =>
  sql(
    state,
    `
INSERT INTO lastseen.sweep_run
  (run_id, as_of, thresholds, lookback_days, status, active, inactive, crossed, ongoing, unresolved, undecidable, returned,
   source_ends, started_at, finished_at)
SELECT gen_random_uuid(), at, ARRAY[7], 30, 'completed', 400, 0, 5, 0, 0, 0, 0,
  ${ends}, at, at
FROM generate_series(1, 15) days, LATERAL (SELECT now() - days * interval '1 day') t (at)`,
  );

export const stallStage = stage<StallStage>({
  name: 'stalls',
  open,
  faults: [
    refusing(
      'connector-paused',
      'the connector paused while learners are active: the sweep must refuse',
      { code: 75, message: /not fresh: the connector has not delivered/, wait: '3s' },
      async (state, n, sweep) => {
        await loadSilent(state, `paused-${n}`);
        await state.world.pause();
        try {
          await sql(state, `UPDATE session SET ended_at = now() - interval '1 minute' WHERE id LIKE 's-paused-${n}-%'`);
          return await sweep();
        } finally {
          await state.world.resume();
          await untilApplied(state);
        }
      },
    ),
    refusing(
      'table-unpublished',
      'one table removed from the publication: the sweep must refuse and name it',
      { code: 75, message: /not fresh: session: table session is not in publication/, wait: '60s' },
      async (state, n, sweep) => {
        await loadSilent(state, `unpublished-${n}`);
        await sql(state, `ALTER PUBLICATION ${state.world.name} DROP TABLE session`);
        try {
          await sql(
            state,
            `UPDATE session SET ended_at = now() - interval '1 minute' WHERE id LIKE 's-unpublished-${n}-%'`,
          );
          return await sweep();
        } finally {
          await sql(state, `ALTER PUBLICATION ${state.world.name} ADD TABLE session`);
          // The update writes the rows to the topic, as a new snapshot would.
          await sql(
            state,
            `UPDATE session SET ended_at = ended_at + interval '1 second' WHERE id LIKE 's-unpublished-${n}-%'`,
          );
          await untilApplied(state);
          // The table was out of the publication: a break of capture.
          await auditAll(state);
        }
      },
    ),
    refusing(
      'slot-recreated',
      'the slot dropped and created again by a new snapshot: the sweep must refuse until an audit has compared all sources',
      { code: 75, message: /not fresh: changes may not have been captured between .* replication slot /, wait: '60s' },
      async (state, n, sweep) => {
        await loadSilent(state, `slot-${n}`);
        await sleep(LOOK_WITHIN_MS);
        const { stack } = state.harness;
        await stopConnector(stack.addresses, state.world.name);
        const drop = () =>
          sql(
            state,
            `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database() AND NOT active`,
          );
        await until(drop, ({ count }) => count > 0, 30_000);
        await sql(state, `UPDATE session SET ended_at = now() - interval '1 minute' WHERE id LIKE 's-slot-${n}-%'`);
        await restartFromSnapshot(stack.addresses, state.world.name);
        await untilApplied(state);
        return await sweep().finally(() => auditAll(state));
      },
    ),
    refusing(
      'publication-flapped',
      'one table out of the publication while learners are active: the sweep after it must refuse, and an audit must repair last seen',
      {
        code: 75,
        message: /not fresh: changes may not have been captured .* public\.session was not always in/,
        wait: '60s',
      },
      async (state, n, sweep) => {
        await loadSilent(state, `flapped-${n}`);
        await sleep(LOOK_WITHIN_MS);
        await sql(state, `ALTER PUBLICATION ${state.world.name} DROP TABLE session`);
        await sql(state, `UPDATE session SET ended_at = now() - interval '1 minute' WHERE id LIKE 's-flapped-${n}-%'`);
        await sql(state, `ALTER PUBLICATION ${state.world.name} ADD TABLE session`);
        return await sweep().finally(() => auditAll(state));
      },
    ),
    refusing(
      'table-recreated',
      'one table created again with later activity: the sweep must refuse, and an audit must repair last seen',
      {
        code: 75,
        message: /not fresh: changes may not have been captured .* public\.session was created again/,
        wait: '60s',
      },
      async (state, n, sweep) => {
        await loadSilent(state, `table-${n}`);
        await sleep(LOOK_WITHIN_MS);
        await sql(
          state,
          `
BEGIN;
CREATE TABLE copy (LIKE session INCLUDING ALL);
INSERT INTO copy SELECT * FROM session;
UPDATE copy SET ended_at = now() - interval '1 minute' WHERE id LIKE 's-table-${n}-%';
DROP TABLE session;
ALTER TABLE copy RENAME TO session;
ALTER PUBLICATION ${state.world.name} ADD TABLE session;
COMMIT`,
        );
        await sql(state, rolesSql());
        return await sweep().finally(() => auditAll(state));
      },
    ),
    {
      name: 'capture-kept',
      about:
        'five operations that lose no change (a restart of the connector, a crash of Postgres, other tables): no break of capture',
      async inject(state, n) {
        await loadSilent(state, `kept-${n}`);
        await sleep(LOOK_WITHIN_MS);
        await harmless(state);
        const endedAt = performance.now();
        await sql(state, `UPDATE session SET ended_at = now() - interval '1 minute' WHERE id LIKE 's-kept-${n}-%'`);
        await untilApplied(state);
        const recoveryMs = Math.round(performance.now() - endedAt);
        await sleep(LOOK_WITHIN_MS);
        await sweepUntilDone(state.world);
        const { rows } = await sql(state, 'SELECT changes FROM lastseen.capture_break WHERE closed_at IS NULL');
        if (rows.length > 0) console.error('breaks of capture:', rows);
        return { records: QUIET_LEARNERS, lost: 0, wrong: rows.length, duplicates: 0, recoveryMs };
      },
    },
    refusing(
      'source-quiet',
      'a source without records, against its usual volume: the sweep must refuse and name it',
      {
        code: 75,
        message: /not fresh: attempt: no record in \S+ since the last completed sweep; 50 per day are usual/,
        wait: '60s',
      },
      async (state, _, sweep) => {
        await sql(state, `DELETE FROM lastseen.sweep_run`);
        await sql(
          state,
          `INSERT INTO attempt (id, student_id, completed_at)
          SELECT (SELECT count(*) FROM attempt) + n, md5('user-' || n)::uuid, now() - interval '1 hour' FROM generate_series(1, 100) n`,
        );
        await state.world.waitForDelivery();
        const { rows } = await sql(state, `SELECT count(*)::int AS records FROM attempt`);
        await insertUsualSweeps(state, `jsonb_build_object('attempt', ${rows[0]?.['records']} - (days - 1) * 50)`);
        try {
          return await sweep();
        } finally {
          await sql(
            state,
            `INSERT INTO attempt (id, student_id, completed_at) SELECT count(*) + 1, md5('user-1')::uuid, now() FROM attempt`,
          );
          await state.world.waitForDelivery();
        }
      },
    ),
    refusing(
      'platform-down',
      '60 % of the learners silent because the platform was down for a week: the sweep must be held',
      { code: 3, message: /lastseen sweep approve/, wait: '60s' },
      async (state, n, sweep) => {
        await sql(state, `DELETE FROM lastseen.sweep_run`);
        await insertUsualSweeps(state, 'NULL');
        await sql(
          state,
          `
INSERT INTO session (id, user_id, started_at)
SELECT 's-down-${n}-' || u, 'down-${n}-' || u, now() - interval '7 days 1 hour' FROM generate_series(1, ${LEARNERS * 1.5}) u`,
        );
        await untilApplied(state);
        const held = await sweep();
        // The platform is up again, and the learners are active.
        await sql(state, `UPDATE session SET ended_at = now() - interval '1 minute' WHERE id LIKE 's-down-${n}-%'`);
        await untilApplied(state);
        return held;
      },
    ),
  ],
});
