import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { parseInstant } from '../../src/activity/instant.ts';
import { studentIdOf } from '../../src/activity/learner.ts';
import type { Database, Queryable } from '../../src/postgres/database.ts';
import { answerEvents } from '../../src/recompute/pipeline.ts';
import { OPTIONS } from '../../test/kpi/compute-figures.ts';
import type { Bench, Plans, Side } from '../bench.ts';
import type { Harness } from '../harness.ts';
import { startMeasured } from '../measured.ts';
import { describePlans, explaining, type PlanNode, tablesOf } from '../plans.ts';
import { lastCommitOf } from '../track/result.ts';
import { AS_OF, populate } from './population.ts';

const PREFIX = 'recomputed';
const BATCH_JOB = join(import.meta.dirname, 'batch-job.ts');
/** It needs seconds per thousand learners. Its rate does not depend on their number. */
const LEARNERS_OF_BATCH_JOB = 1_000;

const rate = (side: string) => ({ side, figure: 'learnersPerSecond' });

export const RECOMPUTE: Bench = {
  name: 'recompute',
  about:
    'P and S of inactive learners, compared with a batch job that queries one learner at a time; and all six figures',
  defaults: { records: 0, learners: 10_000, rounds: 5 },
  needs: ['kafka', 'registry'],
  async sides(harness, { learners }) {
    await harness.setUp(PREFIX);
    await populate(harness, learners);
    await publishEvents(harness, PREFIX);
    const recompute = recomputeSide(harness, { prefix: PREFIX, learners, among: learners, name: 'recompute' });
    return [recompute, batchJobSide(harness, learners), allSixSide(harness, learners)];
  },
  ratios: [
    { key: 'recompute/learner-at-a-time', numerator: rate('recompute'), denominator: rate('learner-at-a-time') },
    { key: 'kpi all six learners per second', numerator: rate('all-six') },
  ],
};

/** Approves the sweep, which is held: it is the first of its threshold, and many learners cross. */
export async function publishEvents(harness: Harness, prefix: string): Promise<void> {
  const env = harness.environment(prefix);
  const { database } = harness;
  await database.query({ text: 'TRUNCATE lastseen.sweep_run, lastseen.episode, lastseen.inactivity_outbox' });
  await (await harness.lastseen(env, 'sweep', '--force', '--as-of', AS_OF)).ended.catch(() => {});
  const { rows } = await database.query<{ run_id: string }>({
    text: `SELECT run_id FROM lastseen.sweep_run WHERE status = 'held'`,
  });
  for (const { run_id } of rows) await (await harness.lastseen(env, 'sweep', 'approve', run_id, '--force')).ended;
}

interface Recomputed {
  readonly prefix: string;
  /** Learners with an event in the topic. */
  readonly learners: number;
  /** Learners with rows in the tables. */
  readonly among: number;
  readonly name: string;
}

/**
 * A run answers all events again. The warm-up creates the weekly rows, and later runs refresh their P and S. A run ends when
 * they are in `weekly_kpi`, as in the batch job. Publishing them and marking the ledger is a separate figure.
 */
export function recomputeSide(harness: Harness, { prefix, learners, among, name }: Recomputed): Side {
  const { database } = harness;
  return {
    name,
    async run(round) {
      await database.query({
        text: `
UPDATE weekly_kpi w SET kpis = kpis || '{"P": 0, "S": 0}' FROM lastseen.kpi_ledger l
WHERE (l.user_id, l.week_start) = (w.user_id, w.week_start)`,
      });
      await database.query({ text: 'TRUNCATE lastseen.kpi_ledger, lastseen.kpi_watermark' });
      await database.query({ text: 'VACUUM (ANALYZE) weekly_kpi' });
      await database.query({ text: 'CHECKPOINT' });
      const before = await harness.readServerUse();
      const groupId = `${prefix}-${round}`;
      const env = { ...harness.environment(prefix), KAFKA_GROUP_ID: groupId };
      const run = await harness.lastseen(env, 'recompute', '--until-end', '--json');
      const startedAt = await harness.waitForMembers(groupId, run.ended);
      const counts = (await run.ended).json<{ learners: number; updated: number; created: number }>();
      if (counts.updated + counts.created !== learners) {
        throw new Error(`recompute answered ${counts.updated + counts.created} of ${learners} learners`);
      }
      const after = await harness.readServerUse();
      const seconds = ((await lastCommitOf(harness, 'weekly_kpi')) - startedAt) / 1000;
      return {
        among,
        learnersPerSecond: learners / seconds,
        seconds,
        secondsToPublished: ((await lastCommitOf(harness, 'lastseen.kpi_ledger')) - startedAt) / 1000,
        peakRssMb: run.peakRssMb(),
        walBytesPerLearner: Number(after.walBytes - before.walBytes) / learners,
      };
    },
    plans: () => plansOfSlice(harness),
  };
}

/** Plans of the statements that read and write a slice's figures, by their tables. */
async function plansOfSlice({ database }: Harness): Promise<Plans> {
  const { rows } = await database.query<{ userId: string }>({
    text: 'SELECT user_id AS "userId" FROM lastseen.kpi_ledger ORDER BY seq LIMIT 1000',
  });
  const asOf = parseInstant(AS_OF) ?? 0n;
  const requests = rows.map(({ userId }) => ({
    userId,
    studentId: studentIdOf(userId),
    asOf,
    eventId: randomUUID(),
  }));
  const plans = new Map<string, PlanNode[]>();
  const explained = (on: Queryable) =>
    explaining(on, (plan) => {
      const tables = tablesOf(plan).join(', ');
      plans.set(tables, [...(plans.get(tables) ?? []), plan]);
    });
  const watched: Database = {
    ...database,
    ...explained(database),
    transaction: (work) => database.transaction((tx) => work(explained(tx))),
  };
  await answerEvents({ database: watched, source: watched, growthService: undefined, options: OPTIONS }, requests);
  return describePlans(plans);
}

function batchJobSide(harness: Harness, learners: number): Side {
  return {
    name: 'learner-at-a-time',
    async run() {
      const count = Math.min(learners, LEARNERS_OF_BATCH_JOB);
      const asOfUs = Date.parse(AS_OF) * 1000;
      const run = await startMeasured(harness.guard, {
        command: process.execPath,
        args: [BATCH_JOB, harness.addresses.databaseUrl, String(asOfUs), String(count)],
      });
      const { seconds } = (await run.ended).json<{ seconds: number }>();
      return { learnersPerSecond: count / seconds, seconds };
    },
  };
}

/** The whole command, including its start. */
function allSixSide(harness: Harness, learners: number): Side {
  return {
    name: 'all-six',
    async run() {
      const startedAt = performance.now();
      const env = harness.environment(PREFIX);
      const run = await harness.lastseen(env, 'kpi', '--all', '--json', '--as-of', AS_OF);
      const lines = (await run.ended).stdout.trim().split('\n').length;
      if (lines < learners) throw new Error(`kpi printed ${lines} of ${learners} learners`);
      const seconds = (performance.now() - startedAt) / 1000;
      return { learnersPerSecond: learners / seconds, seconds, peakRssMb: run.peakRssMb() };
    },
  };
}
