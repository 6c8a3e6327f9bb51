import { stopConnector } from '../../../stack/connector.ts';
import { rolesSql } from '../../../stack/roles.ts';
import { lossesAgainstSources } from '../../support/source-comparison.ts';
import { inactivityEvents } from '../events.ts';
import type { Fault } from '../fault.ts';
import { loadSilent, QUIET_LEARNERS, type SilentStage, seenNow, sql, untilLooked } from './silent-world.ts';

/** An operation that loses no change, with activity before and after it: the next sweep must complete. */
function keeping(
  name: string,
  about: string,
  operate: (state: SilentStage, n: number) => Promise<unknown>,
): Fault<SilentStage> {
  return {
    name,
    about,
    async inject(state, n) {
      const { world } = state;
      const before = await inactivityEvents(world);
      const breaks = await breaksOf(state);
      const learners = `${name}-${n}`;
      await loadSilent(state, learners);
      await untilLooked(state);
      await seenNow(state, learners, `right(id, 1) < '5'`);
      await operate(state, n);
      await seenNow(state, learners, `right(id, 1) >= '5'`);
      const endedAt = performance.now();
      const swept = await world.lastseen('sweep', '--wait-fresh', '60s', '--json');
      const recoveryMs = Math.round(performance.now() - endedAt);
      if (swept.code !== 0) console.error(`the sweep ended with ${swept.code}:\n${swept.stderr}`);
      const found = (await breaksOf(state)).slice(breaks.length);
      if (found.length > 0) console.error('breaks of capture:', found);
      const { events } = await inactivityEvents(world);
      return {
        records: QUIET_LEARNERS,
        lost: Number((await lossesAgainstSources(world.database)).lost),
        wrong: events.length - before.events.length + found.length + (swept.code === 0 ? 0 : 1),
        duplicates: 0,
        recoveryMs,
      };
    },
  };
}

const breaksOf = async (state: SilentStage) =>
  (await sql(state, 'SELECT changes FROM lastseen.capture_break ORDER BY break_id')).rows;

/** None of these may count as a break of capture. */
export const keptFaults: readonly Fault<SilentStage>[] = [
  keeping(
    'connector-restarted',
    'the connector stopped and started again while learners are active: no break of capture',
    async ({ harness, world }) => {
      await stopConnector(harness.stack.addresses, world.name);
      await world.resume();
    },
  ),
  keeping(
    'postgres-crashed',
    'Postgres killed and started again while learners are active: no break of capture',
    async (state) => {
      const { stack } = state.harness;
      await stack.killPart('postgres');
      await stack.startPart('postgres');
      // Lets the slot pass what it had confirmed at the look before.
      await sql(state, 'CHECKPOINT');
    },
  ),
  keeping('table-added', 'a table without a source added to the publication: no break of capture', async (state, n) => {
    await sql(state, `CREATE TABLE added_${n} (id int PRIMARY KEY)`);
    await sql(state, `ALTER PUBLICATION ${state.world.name} ADD TABLE added_${n}`);
  }),
  keeping(
    'publication-reset',
    '`SET TABLE` with the same tables of the publication: no break of capture',
    async (state) => {
      const { name } = state.world;
      const { rows } = await sql(
        state,
        `SELECT string_agg(tablename, ', ') AS tables FROM pg_publication_tables WHERE pubname = '${name}'`,
      );
      await sql(state, `ALTER PUBLICATION ${name} SET TABLE ${rows[0]?.['tables']}`);
    },
  ),
  keeping('other-table-recreated', 'a table without a source created again: no break of capture', async (state) => {
    await sql(
      state,
      `
BEGIN;
CREATE TABLE copy (LIKE interest_goal INCLUDING ALL);
DROP TABLE interest_goal;
ALTER TABLE copy RENAME TO interest_goal;
COMMIT`,
    );
    await sql(state, rolesSql());
  }),
];
