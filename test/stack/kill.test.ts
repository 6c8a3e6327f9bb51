import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endPositions } from '../../src/kafka/admin.ts';
import { recordsOf } from './topic-records.ts';
import { differenceFromSources } from './truth.ts';
import { createWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await createWorld();
  await world.prepare();
});
afterAll(() => world.close());

const KILLS = 5;
const sql = (text: string) => world.database.query<Record<string, unknown>>({ text });

/**
 * Starts the command, waits until its work shows, and kills it at a random moment within the next half second; so many
 * times.
 *
 * @param done how much is done, from the database.
 * @param supply makes sure that there is work for the n-th run.
 * @returns the waits, in ms.
 */
async function killRepeatedly(
  env: Record<string, string>,
  command: string,
  done: () => Promise<number>,
  supply: (n: number) => Promise<unknown> = async () => {},
): Promise<number[]> {
  const waits: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    await supply(kill);
    const before = await done();
    const run = world.start(env, command);
    for (let look = 0; (await done()) === before; look++) {
      if (look > 1_000) throw new Error(`${command} did nothing in run ${kill} (waits before: ${waits})`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const waitMs = Math.floor(Math.random() * 500);
    waits.push(waitMs);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    run.process.kill('SIGKILL');
    expect((await run.ended).code).toBe(null);
  }
  return waits;
}

describe('killed at random moments', () => {
  // Small transactions, so that most kills fall into one or between one and its offset commit.
  const small = {
    FLUSH_MAX_ROWS: '50',
    FLUSH_MAX_DELAY: '1ms',
    QUEUE_MAX_BYTES: '1000',
    KAFKA_SESSION_TIMEOUT: '1500ms',
  };

  it('track ends in the state of an undisturbed run', async () => {
    await world.connect();
    await sql(`
INSERT INTO session (id, user_id, started_at)
SELECT 's-' || n, 'user-' || (n::bigint * 7919) % 4000, timestamptz '2026-03-10Z' - (n::bigint * 104729 % 1728000) * interval '1 second'
FROM generate_series(1, 60000) n`);
    await sql(`
INSERT INTO attempt (id, student_id, completed_at)
SELECT n, md5('user-' || (n * 31) % 4000)::uuid, timestamptz '2026-03-09Z' - (n::bigint * 7919 % 1728000) * interval '1 second'
FROM generate_series(1, 40000) n`);
    const applied = async () => {
      const { rows } = await sql('SELECT coalesce(sum(next_offset), 0)::int AS records FROM lastseen.track_progress');
      return rows[0]?.['records'] as number;
    };
    const waits = await killRepeatedly(small, 'track', applied);
    await world.delivered();
    const inTopics = async () => {
      const ends = await endPositions(
        world.kafka,
        ['attempt', 'session'].map((table) => `${world.name}.public.${table}`),
      );
      return Number(ends.reduce((sum, end) => sum + end.nextOffset, 0n));
    };
    // The kills fell into the work: some was left.
    expect(await applied(), `waits ${waits}`).toBeLessThan(await inTopics());
    const last = await world.lastseen('track', '--until-end', '--json');
    expect(last, `waits ${waits}\n${last.stderr}`).toMatchObject({ code: 0 });
    expect(await differenceFromSources(world.database), `waits ${waits}`).toEqual({ learners: 4000n, differing: 0n });
    expect(await applied()).toBe(await inTopics());
  });

  it('recompute ends in the state of an undisturbed run', async () => {
    await sql(`
INSERT INTO ability_estimates (user_id, mean, sd, fitted_at)
SELECT 'user-' || u, (u % 40 - 20) / 10.0, 0.7, timestamptz '2026-03-01Z' FROM generate_series(0, 3999) u WHERE u % 5 > 0`);
    await sql(`
INSERT INTO weekly_kpi (user_id, week_start, kpis)
SELECT 'user-' || u, date '2026-03-16', jsonb_build_object('A_t', 0.5, 'P', 0.1, 'S', 0.2, 'other', u)
FROM generate_series(0, 3999) u WHERE u % 3 > 0`);
    await sql('CREATE TABLE weekly_kpi_before AS TABLE weekly_kpi');
    const answered = async () => (await sql('SELECT FROM lastseen.kpi_ledger')).count;
    const waits = await killRepeatedly({ ...small, FLUSH_MAX_ROWS: '20' }, 'recompute', answered, (n) =>
      world.sweepApproved('--as-of', `2026-03-${18 + n}T05:00:00Z`),
    );
    const { rows } = await sql('SELECT count(*)::int AS events FROM lastseen.inactivity_outbox');
    expect(rows[0]?.['events']).toBeGreaterThan(10_000);
    const last = await world.lastseen('recompute', '--until-end', '--json');
    expect(last, `waits ${waits}\n${last.stderr}`).toMatchObject({ code: 0 });
    const figures = async () =>
      (await sql('SELECT user_id, week_start, kpis::text FROM weekly_kpi ORDER BY user_id, week_start')).rows;
    const disturbed = await figures();
    const told = await recordsOf(world, world.env['KPI_UPDATED_TOPIC'] ?? '');
    expect(new Set(told.map(({ headers }) => String(headers?.['ce_id']))).size).toBe(await answered());

    await sql('TRUNCATE weekly_kpi, lastseen.kpi_ledger, lastseen.kpi_watermark');
    await sql('INSERT INTO weekly_kpi TABLE weekly_kpi_before');
    const undisturbed = await world.lastseenWith({ KAFKA_GROUP_ID: `${world.name}-calm` }, 'recompute', '--until-end');
    expect(undisturbed, undisturbed.stderr).toMatchObject({ code: 0 });
    expect(disturbed, `waits ${waits}`).toEqual(await figures());
  });
});
