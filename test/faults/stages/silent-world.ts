import type { CliRun } from '../../support/lastseen-cli.ts';
import { lossesAgainstSources } from '../../support/source-comparison.ts';
import { inactivityEvents } from '../events.ts';
import type { Fault } from '../fault.ts';
import type { Harness } from '../harness.ts';
import { sweepUntilDone } from '../sweeping.ts';
import { openTracked, type TrackedWorld } from '../tracked-world.ts';
import { until } from '../waiting.ts';

/**
 * A stopped source looks like silent learners. Here learners are silent by what `track` has applied but active in the source
 * tables, or all are silent at once. No sweep may emit events for them.
 */
export type SilentStage = TrackedWorld;

export const LEARNERS = 400;
export const QUIET_LEARNERS = 50;

export async function openSilent(harness: Harness): Promise<SilentStage> {
  const state = await openTracked(harness);
  await sql(
    state,
    `
INSERT INTO session (id, user_id, started_at)
SELECT 's-' || u, 'user-' || u, now() - interval '1 hour' FROM generate_series(1, ${LEARNERS}) u`,
  );
  await untilApplied(state);
  await sweepUntilDone(state.world);
  return state;
}

export const sql = ({ world }: SilentStage, text: string) => world.database.query<Record<string, unknown>>({ text });

export async function untilApplied(state: SilentStage): Promise<void> {
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

/** Inserts learners who were last seen a week ago: a stalled source would flag them. */
export const insertSilent = (state: SilentStage, name: string) =>
  sql(
    state,
    `
INSERT INTO session (id, user_id, started_at)
SELECT 's-${name}-' || u, '${name}-' || u, now() - interval '7 days' + interval '2 seconds' FROM generate_series(1, ${QUIET_LEARNERS}) u`,
  );

/** As `insertSilent`, and waits until they are applied. */
export async function loadSilent(state: SilentStage, name: string): Promise<void> {
  await insertSilent(state, name);
  await untilApplied(state);
}

/** The learners of `loadSilent` are active again. @param which SQL: a condition on `id`. */
export const seenNow = (state: SilentStage, name: string, which = 'true') =>
  sql(state, `UPDATE session SET ended_at = now() - interval '1 minute' WHERE id LIKE 's-${name}-%' AND ${which}`);

/** Waits for the next look of `track` at capture, which it takes every ten seconds: the present state is then compared. */
export async function untilLooked({ world, track }: SilentStage, own = world.database): Promise<void> {
  const { rows } = await own.query<{ at: string }>({ text: 'SELECT now()::text AS at' });
  const text = `SELECT FROM lastseen.capture_evidence WHERE replaced_at IS NULL AND last_seen_at > '${rows[0]?.at}'`;
  const { seen } = await until(
    () => own.query({ text }),
    ({ count }) => count > 0,
    60_000,
  );
  if (seen.count === 0) throw new Error(`track did not look at capture: ${track.ends.join('\n')}`);
}

export async function auditAll({ world }: SilentStage): Promise<void> {
  const audit = await world.lastseen('audit', '--repair', '--wait-fresh', '60s', '--json');
  if (audit.code !== 0) throw new Error(`the audit ended with ${audit.code}:\n${audit.stderr}`);
}

/** During the fault a sweep must refuse with this message and emit nothing. After it a sweep must complete. */
export function refusing(
  name: string,
  about: string,
  expected: { readonly code: number; readonly message: RegExp; readonly wait: string },
  during: (state: SilentStage, n: number, sweep: () => Promise<CliRun>) => Promise<CliRun>,
): Fault<SilentStage> {
  return {
    name,
    about,
    async inject(state, n) {
      const before = await inactivityEvents(state.world);
      const refused = await during(state, n, () =>
        state.world.lastseen('sweep', '--wait-fresh', expected.wait, '--json'),
      );
      const endedAt = performance.now();
      const rightly = refused.code === expected.code && expected.message.test(refused.stderr);
      if (!rightly) console.error(`the sweep ended with ${refused.code}:\n${refused.stderr}`);
      await sweepUntilDone(state.world);
      // Also after the last sweep: all learners are active in the source tables.
      const { events } = await inactivityEvents(state.world);
      return {
        records: QUIET_LEARNERS,
        lost: Number((await lossesAgainstSources(state.world.database)).lost),
        wrong: events.length - before.events.length + (rightly ? 0 : 1),
        duplicates: 0,
        recoveryMs: Math.round(performance.now() - endedAt),
      };
    },
  };
}
