import { restartFromSnapshot, stopConnector } from '../../../stack/connector.ts';
import { rolesSql } from '../../../stack/roles.ts';
import { stopAndDropSlot } from '../../support/dropped-slot.ts';
import { stage } from '../fault.ts';
import { copySource, promoteWithoutSlots } from '../source-server.ts';
import { until } from '../waiting.ts';
import { keptFaults } from './capture-kept.ts';
import {
  auditAll,
  loadSilent,
  openSilent,
  refusing,
  type SilentStage,
  seenNow,
  sql,
  untilApplied,
  untilLooked,
} from './silent-world.ts';

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
        await untilLooked(state);
        const { stack } = state.harness;
        await stopAndDropSlot(stack.addresses, state.world);
        await seenNow(state, `slot-${n}`);
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
        await untilLooked(state);
        await sql(state, `ALTER PUBLICATION ${state.world.name} DROP TABLE session`);
        await seenNow(state, `flapped-${n}`);
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
        await untilLooked(state);
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
    refusing(
      'promoted-without-slot',
      'a standby without the slot is promoted while learners are active: the sweep must refuse, and an audit must repair last seen',
      {
        code: 75,
        message: /not fresh: changes may not have been captured .* the source continues on timeline \d+, not \d+, and/,
        wait: '60s',
      },
      async (state, n, sweep) => {
        await loadSilent(state, `promoted-${n}`);
        // The new slot gets no snapshot: what the connector has not read stays lost.
        await state.world.connect({ 'snapshot.mode': 'no_data' });
        await untilLooked(state);
        const { stack } = state.harness;
        await stopConnector(stack.addresses, state.world.name);
        await seenNow(state, `promoted-${n}`);
        await promoteWithoutSlots(stack, state.world.database);
        await restartFromSnapshot(stack.addresses, state.world.name);
        const slots = () => sql(state, 'SELECT FROM pg_replication_slots WHERE database = current_database()');
        await until(slots, ({ count }) => count > 0, 60_000);
        return await sweep().finally(() => auditAll(state).finally(() => state.world.connect()));
      },
    ),
    refusing(
      'restored-with-own-tables',
      'source and own tables restored to an earlier point while `track` runs: the sweep must refuse, and an audit must repair last seen',
      { code: 75, message: /not fresh: session: .* were skipped/, wait: '60s' },
      async (state, n, sweep) => {
        const name = `restored-${n}`;
        await loadSilent(state, name);
        const copy = await copySource(state.harness.stack, state.world.database);
        await seenNow(state, name, `right(id, 1) < '5'`);
        await untilApplied(state);
        await copy.restore();
        await seenNow(state, name);
        // The connector skips the log up to its offset. What follows arrives, in all partitions.
        await sql(state, 'SELECT pg_switch_wal()');
        await sql(state, `UPDATE session SET ended_at = now() WHERE user_id LIKE 'user-%'`);
        // An audit closes the gaps that were found before its snapshot.
        const behind = `SELECT FROM session JOIN lastseen.user_last_seen USING (user_id) WHERE user_id LIKE 'user-%' AND session_at < ended_at`;
        await until(
          () => sql(state, behind),
          ({ count }) => count === 0,
          90_000,
        );
        return await sweep().finally(() => auditAll(state));
      },
    ),
    ...keptFaults,
  ],
});
