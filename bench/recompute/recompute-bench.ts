import { join } from 'node:path';
import type { Bench, Side } from '../bench.ts';
import type { Ground } from '../ground.ts';
import { startMeasured } from '../measured.ts';
import { lastCommitOf } from '../track/result.ts';
import { AS_OF, populate } from './population.ts';

const PREFIX = 'recomputed';
const BATCH_JOB = join(import.meta.dirname, 'batch-job.ts');
/** It takes seconds a thousand; its rate does not depend on how many there are. */
const LEARNERS_OF_BATCH_JOB = 1_000;

const rate = (side: string) => ({ side, figure: 'learnersPerSecond' });

export const RECOMPUTE: Bench = {
  name: 'recompute',
  about: 'P and S of inactive learners, beside a batch job that asks for one learner at a time; and all six figures',
  defaults: { records: 0, learners: 10_000, rounds: 5 },
  needs: ['kafka', 'registry'],
  async sides(ground, { learners }) {
    await ground.setUp(PREFIX);
    await populate(ground, learners);
    await publishEvents(ground);
    return [recomputeSide(ground, learners), batchJobSide(ground, learners), allSixSide(ground, learners)];
  },
  ratios: [
    { key: 'recompute/learner-at-a-time', of: rate('recompute'), to: rate('learner-at-a-time') },
    { key: 'kpi all six learners a second', of: rate('all-six') },
  ],
};

/** All are inactive, which a sweep holds for a person. */
async function publishEvents(ground: Ground): Promise<void> {
  const env = ground.environment(PREFIX);
  const { database } = ground;
  await database.query({ text: 'TRUNCATE lastseen.sweep_run, lastseen.episode, lastseen.inactivity_outbox' });
  await (await ground.lastseen(env, 'sweep', '--force', '--as-of', AS_OF)).ended.catch(() => {});
  const { rows } = await database.query<{ run_id: string }>({
    text: `SELECT run_id FROM lastseen.sweep_run WHERE status = 'held'`,
  });
  for (const { run_id } of rows) await (await ground.lastseen(env, 'sweep', 'approve', run_id, '--force')).ended;
}

/** A turn answers all events anew; the warm-up makes the weekly rows, whose P and S are then refreshed. */
function recomputeSide(ground: Ground, learners: number): Side {
  const { database } = ground;
  return {
    name: 'recompute',
    async turn(round) {
      await database.query({ text: 'TRUNCATE lastseen.kpi_ledger, lastseen.kpi_watermark' });
      await database.query({ text: `UPDATE weekly_kpi SET kpis = kpis || '{"P": 0, "S": 0}'` });
      await database.query({ text: 'VACUUM (ANALYZE) weekly_kpi' });
      const groupId = `${PREFIX}-${round}`;
      const env = { ...ground.environment(PREFIX), KAFKA_GROUP_ID: groupId };
      const run = await ground.lastseen(env, 'recompute', '--until-end', '--json');
      const startedAt = await ground.joined(groupId, run.ended);
      const counts = (await run.ended).json<{ learners: number; updated: number; created: number }>();
      if (counts.updated + counts.created !== learners) {
        throw new Error(`recompute answered ${counts.updated + counts.created} of ${learners} learners`);
      }
      const seconds = ((await lastCommitOf(ground, 'lastseen.kpi_ledger')) - startedAt) / 1000;
      return { learnersPerSecond: learners / seconds, seconds, peakRssMb: run.peakRssMb() };
    },
  };
}

function batchJobSide(ground: Ground, learners: number): Side {
  return {
    name: 'learner-at-a-time',
    async turn() {
      const count = Math.min(learners, LEARNERS_OF_BATCH_JOB);
      const asOfUs = Date.parse(AS_OF) * 1000;
      const run = await startMeasured(ground.guard, {
        command: process.execPath,
        args: [BATCH_JOB, ground.addresses.databaseUrl, String(asOfUs), String(count)],
      });
      const { seconds } = (await run.ended).json<{ seconds: number }>();
      return { learnersPerSecond: count / seconds, seconds };
    },
  };
}

/** The whole command, its start included. */
function allSixSide(ground: Ground, learners: number): Side {
  return {
    name: 'all-six',
    async turn() {
      const startedAt = performance.now();
      const env = ground.environment(PREFIX);
      const run = await ground.lastseen(env, 'kpi', '--all', '--json', '--as-of', AS_OF);
      const lines = (await run.ended).stdout.trim().split('\n').length;
      if (lines < learners) throw new Error(`kpi printed ${lines} of ${learners} learners`);
      const seconds = (performance.now() - startedAt) / 1000;
      return { learnersPerSecond: learners / seconds, seconds, peakRssMb: run.peakRssMb() };
    },
  };
}
