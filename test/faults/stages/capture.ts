import { restartFromSnapshot, stopConnector } from '../../../stack/connector.ts';
import { rolesSql } from '../../../stack/roles.ts';
import { stage } from '../fault.ts';
import { sweepUntilDone } from '../sweeping.ts';
import { sleep, until } from '../waiting.ts';
import {
  auditAll,
  loadSilent,
  openSilent,
  QUIET_LEARNERS,
  refusing,
  type SilentStage,
  sql,
  untilApplied,
} from './silent-world.ts';

/** `track` looks at capture every ten seconds. */
const LOOK_WITHIN_MS = 11_000;

/** None of these may count as a break of capture. */
async function harmless(state: SilentStage): Promise<void> {
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

/** Changes that `track` never gets, or may not get: each must be noticed, and nothing else. */
export const captureStage = stage<SilentStage>({
  name: 'capture',
  open: openSilent,
  faults: [
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
  ],
});
