import { stage } from '../fault.ts';
import {
  auditAll,
  LEARNERS,
  loadSilent,
  openSilent,
  refusing,
  type SilentStage,
  sql,
  untilApplied,
} from './silent-world.ts';

/** Inserts fifteen completed sweeps in which five learners crossed. @param ends SQL: the ends of the sources' topics. */
const insertUsualSweeps = (state: SilentStage, ends: string) =>
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

export const stallStage = stage<SilentStage>({
  name: 'stalls',
  open: openSilent,
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
