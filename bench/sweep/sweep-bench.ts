import { randomUUID } from 'node:crypto';
import { parseInstant } from '../../src/activity/instant.ts';
import type { SweepPlan } from '../../src/silence/plan.ts';
import { countCrossing, recordInactive } from '../../src/sweep/episodes-store.ts';
import type { Bench, Side } from '../bench.ts';
import type { Harness } from '../harness.ts';
import { describePlans, explaining, type PlanNode } from '../plans.ts';

const PREFIX = 'swept';
const AS_OF = '2026-03-16T05:00:00Z';
const SILENT_SHARE = 0.1;

/** The plan of `sweep --as-of` with the default configuration. */
const PLAN: SweepPlan = { asOf: parseInstant(AS_OF) ?? 0n, thresholds: [7], lookbackDays: 30, refresh: 'daily' };

const seconds = (side: string) => ({ side, figure: 'seconds' });

/** Ends with the commit of episodes and outbox. Publishing is a separate figure. */
export const SWEEP: Bench = {
  name: 'sweep',
  about:
    'sweep to the commit of episodes and outbox with 10 % inactive learners, compared with INSERT … SELECT of the episodes',
  defaults: { records: 0, learners: 1_000_000, rounds: 5 },
  needs: ['kafka', 'registry'],
  async sides(harness, { learners }) {
    return [await sweepSide(harness, learners), bareSide(harness)];
  },
  ratios: [{ key: 'sweep/insert-select', numerator: seconds('sweep'), denominator: seconds('insert-select') }],
};

/** 90 % of the learners were seen within the last six days, 10 % from 7.5 to 29 days ago. */
async function populate({ database, note }: Harness, learners: number): Promise<void> {
  await database.query({ text: 'TRUNCATE lastseen.user_last_seen' });
  await database.query({
    text: `
INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at)
SELECT
  md5('learner ' || n)::uuid,
  'learner ' || n,
  timestamptz '${AS_OF}' - CASE
    WHEN n % ${1 / SILENT_SHARE} = 0 THEN interval '7.5 days' + (n * 7919 % 1857600) * interval '1 second'
    ELSE (n * 7919 % 518400) * interval '1 second'
  END
FROM generate_series(1, $1::bigint) n`,
    values: [learners],
  });
  await database.query({ text: 'VACUUM (ANALYZE) lastseen.user_last_seen' });
  note(`${learners} learners, ${learners * SILENT_SHARE} of them inactive`);
}

/** Fills the harness's database and sweeps it. */
export async function sweepSide(harness: Harness, learners: number, name = 'sweep'): Promise<Side> {
  const { database } = harness;
  await harness.setUp(PREFIX);
  await populate(harness, learners);
  return {
    name,
    // The first run of a threshold is held. It is then changed to look like an ordinary run of today, so that the
    // following runs are judged as on any other day.
    async prepare() {
      const env = harness.environment(PREFIX);
      await (await harness.lastseen(env, 'sweep', '--force', '--as-of', AS_OF)).ended.catch(() => {});
      const { rows } = await database.query<{ run_id: string }>({
        text: `SELECT run_id FROM lastseen.sweep_run WHERE status = 'held'`,
      });
      for (const { run_id } of rows) await (await harness.lastseen(env, 'sweep', 'approve', run_id, '--force')).ended;
      await database.query({ text: 'UPDATE lastseen.sweep_run SET forced = false, as_of = started_at' });
    },
    async run() {
      await database.query({ text: 'TRUNCATE lastseen.episode, lastseen.inactivity_outbox' });
      await database.query({ text: 'CHECKPOINT' });
      const before = await harness.readServerUse();
      // There is no source to wait for.
      const run = await harness.lastseen(harness.environment(PREFIX), 'sweep', '--force', '--json', '--as-of', AS_OF);
      const { crossed } = (await run.ended).json<{ crossed: number }>();
      const after = await harness.readServerUse();
      const { rows } = await database.query<{ seconds: number; publishing: number }>({
        text: `
SELECT
  extract(epoch FROM pg_xact_commit_timestamp(r.xmin) - r.started_at)::float8 AS seconds,
  extract(epoch FROM (SELECT max(published_at) FROM lastseen.inactivity_outbox) - pg_xact_commit_timestamp(r.xmin))::float8
    AS publishing
FROM lastseen.sweep_run r ORDER BY r.started_at DESC LIMIT 1`,
      });
      return {
        learners,
        seconds: rows[0]?.seconds ?? Number.NaN,
        publishingSeconds: rows[0]?.publishing ?? Number.NaN,
        episodes: crossed,
        peakRssMb: run.peakRssMb(),
        walBytesPerEpisode: Number(after.walBytes - before.walBytes) / crossed,
      };
    },
    async plans() {
      await database.query({ text: 'TRUNCATE lastseen.episode, lastseen.inactivity_outbox' });
      const plans = new Map<string, PlanNode[]>();
      await database.transaction(async (tx) => {
        const keeping = (name: string) => explaining(tx, (plan) => plans.set(name, [plan]));
        await countCrossing(keeping('counting crossed learners'), PLAN);
        await recordInactive(keeping('recording them'), PLAN, randomUUID(), PLAN.asOf);
      });
      return describePlans(plans);
    },
  };
}

/** The same rows with the same primary key in random order, without checks before and publishing after. */
function bareSide(harness: Harness): Side {
  const { database } = harness;
  return {
    name: 'insert-select',
    async prepare() {
      await database.query({ text: 'CREATE TABLE IF NOT EXISTS bare_episode (LIKE lastseen.episode INCLUDING ALL)' });
    },
    async run() {
      await database.query({ text: 'TRUNCATE bare_episode' });
      await database.query({ text: 'CHECKPOINT' });
      const before = await harness.readServerUse();
      const startedAt = performance.now();
      const { count } = await database.query({
        text: `
INSERT INTO bare_episode
  (student_id, threshold_days, last_seen_at, crossed_run_id, crossed_as_of, newest_as_of, noted_on)
SELECT student_id, 7, last_seen_at, '00000000-0000-4000-8000-000000000000', '${AS_OF}', '${AS_OF}', '${AS_OF}'
FROM lastseen.user_last_seen
WHERE last_seen_at > timestamptz '${AS_OF}' - interval '30 days'
  AND last_seen_at <= timestamptz '${AS_OF}' - interval '7 days'`,
      });
      const seconds = (performance.now() - startedAt) / 1000;
      const after = await harness.readServerUse();
      return { seconds, episodes: count, walBytesPerEpisode: Number(after.walBytes - before.walBytes) / count };
    },
  };
}
