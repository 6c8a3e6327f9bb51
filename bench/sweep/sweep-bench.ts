import { randomUUID } from 'node:crypto';
import { parseInstant } from '../../src/activity/instant.ts';
import type { SweepPlan } from '../../src/silence/plan.ts';
import { countCrossing, recordInactive } from '../../src/sweep/episodes-store.ts';
import type { Bench, Side } from '../bench.ts';
import type { Harness } from '../harness.ts';
import { describePlans, explaining, type PlanNode } from '../plans.ts';
import { AS_OF, populateLastSeen } from './population.ts';

/** Each database is an installation of its own, with topics of its own. */
const prefixOf = ({ addresses }: Harness) => `swept${new URL(addresses.databaseUrl).pathname.replace('/', '.')}`;

export const SILENT_SHARE = 0.1;

/** The plan of `sweep --as-of` with the default configuration. */
const PLAN: SweepPlan = { asOf: parseInstant(AS_OF) ?? 0n, thresholds: [7], lookbackDays: 30, refresh: 'daily' };

const seconds = (side: string) => ({ side, figure: 'seconds' });

/** Ends with the commit of episodes and outbox. Publishing is a separate figure. */
export const SWEEP: Bench = {
  name: 'sweep',
  about:
    'sweep to the commit of episodes and outbox with 10 % inactive learners, without a look-up in the source tables, compared with INSERT … SELECT of the episodes',
  defaults: { records: 0, learners: 1_000_000, rounds: 5 },
  needs: ['kafka', 'registry'],
  async sides(harness, { learners }) {
    await prepareSweep(harness, learners, SILENT_SHARE);
    return [sweepSide(harness, { learners, verify: 'off' }), bareSide(harness)];
  },
  ratios: [{ key: 'sweep/insert-select', numerator: seconds('sweep'), denominator: seconds('insert-select') }],
};

interface SweepSide {
  readonly learners: number;
  readonly name?: string;
  /** `SWEEP_VERIFY` */
  readonly verify: 'crossed' | 'off';
}

/** Fills the last-seen table of the harness's database for {@link sweepSide}. */
export async function prepareSweep(harness: Harness, learners: number, silentShare: number): Promise<void> {
  await harness.setUp(prefixOf(harness));
  await populateLastSeen(harness, learners, silentShare);
}

export function sweepSide(harness: Harness, { learners, name = 'sweep', verify }: SweepSide): Side {
  const { database } = harness;
  const environment = { ...harness.environment(prefixOf(harness)), SWEEP_VERIFY: verify };
  return {
    name,
    // The first run of a threshold is held. It is then changed to look like an ordinary run of today, so that the
    // following runs are judged as on any other day.
    async prepare() {
      await (await harness.lastseen(environment, 'sweep', '--force', '--as-of', AS_OF)).ended.catch(() => {});
      const { rows } = await database.query<{ run_id: string }>({
        text: `SELECT run_id FROM lastseen.sweep_run WHERE status = 'held'`,
      });
      for (const { run_id } of rows) {
        await (await harness.lastseen(environment, 'sweep', 'approve', run_id, '--force')).ended;
      }
      await database.query({ text: 'UPDATE lastseen.sweep_run SET forced = false, as_of = started_at' });
    },
    async run() {
      await database.query({ text: 'TRUNCATE lastseen.episode, lastseen.inactivity_outbox' });
      await database.query({ text: 'CHECKPOINT' });
      const before = await harness.readServerUse();
      const startedAt = Date.now();
      // There is no source to wait for.
      const run = await harness.lastseen(environment, 'sweep', '--force', '--json', '--as-of', AS_OF);
      const { crossed, verified } = (await run.ended).json<{ crossed: number; verified: number | null }>();
      if (verified !== (verify === 'off' ? null : crossed)) throw new Error(`${verified} of ${crossed} were looked up`);
      const after = await harness.readServerUse();
      const { rows } = await database.query<{ seconds: number; publishing: number }>({
        text: `
SELECT
  extract(epoch FROM pg_xact_commit_timestamp(r.xmin) - r.started_at)::float8 AS seconds,
  extract(epoch FROM (SELECT max(published_at) FROM lastseen.inactivity_outbox) - pg_xact_commit_timestamp(r.xmin))::float8
    AS publishing
FROM lastseen.sweep_run r ORDER BY r.started_at DESC LIMIT 1`,
      });
      const { seconds, publishing } = rows[0] ?? { seconds: Number.NaN, publishing: Number.NaN };
      return {
        learners,
        seconds,
        publishingSeconds: publishing,
        secondsToPublished: seconds + publishing,
        cpuSeconds: run.cpuSecondsBetween(startedAt, Date.now()) + after.postgresCpuSeconds - before.postgresCpuSeconds,
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
