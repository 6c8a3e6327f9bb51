import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { registerConnector } from '../../stack/connector.ts';
import type { Bench, Figures, Side } from '../bench.ts';
import type { Harness } from '../harness.ts';
import { userIdOf } from '../load/learners.ts';
import { type Measured, startMeasured } from '../measured.ts';
import { quantile } from '../statistics.ts';

const PREFIX = 'fresh';
const EVENTS_A_SECOND = 200;
const SECONDS = 30;
const EVENTS = EVENTS_A_SECOND * SECONDS;
const ARRIVED_WITHIN_MS = 60_000;
const BARE_READER = join(import.meta.dirname, 'bare-reader.ts');

const figure = (name: string) => ({ side: 'track', figure: name });

/**
 * The delay from the commit of a source row to the commit of the learner's row (both by the server's clock), and to a bare
 * reader of the topic. Both read at the same time, through the real connector.
 */
export const FRESHNESS: Bench = {
  name: 'freshness',
  about:
    'delay from a source commit to the row in user_last_seen at 200 events per second, compared with a bare reader',
  defaults: { records: EVENTS, learners: EVENTS, rounds: 3 },
  needs: ['kafka', 'registry', 'connect'],
  sides: async (harness) => [trackSide(harness)],
  ratios: [
    { key: 'freshness.p50/bare-reader', numerator: figure('trackP50Ms'), denominator: figure('readerP50Ms') },
    { key: 'freshness.p99/bare-reader', numerator: figure('trackP99Ms'), denominator: figure('readerP99Ms') },
  ],
};

function trackSide(harness: Harness): Side {
  const { database, addresses } = harness;
  const cameAt = new Map<string, number>();
  let track: Measured | undefined;
  return {
    name: 'track',
    async prepare() {
      const env = { ...harness.environment(PREFIX), KAFKA_GROUP_ID: `${PREFIX}-track` };
      await harness.setUp(PREFIX);
      // Rows of another bench would be captured as well.
      await database.query({
        text: 'TRUNCATE exam_results, features_topic_daily, attempt, session, lastseen.user_last_seen',
      });
      await registerConnector(addresses, { name: PREFIX, topicPrefix: PREFIX });
      track = await harness.lastseen(env, 'track');
      const reader = await startMeasured(harness.guard, {
        command: process.execPath,
        args: [BARE_READER, addresses.brokers, `${PREFIX}.public.session`, `${PREFIX}-bare`],
        onLine(line) {
          const [id = '', at = ''] = line.split('\t');
          cameAt.set(id, Number(at));
        },
      });
      await Promise.all([
        harness.waitForMembers(`${PREFIX}-track`, track.ended),
        harness.waitForMembers(`${PREFIX}-bare`, reader.ended),
      ]);
    },
    async run(round) {
      await database.query({ text: 'TRUNCATE lastseen.user_last_seen, session' });
      const startedAt = Date.now();
      await commitEvents(harness, round);
      const cpuSeconds = track?.cpuSecondsBetween(startedAt, Date.now()) ?? Number.NaN;
      await untilArrived(harness, () => cameAt.size);
      const figures = await delays(harness, cameAt);
      cameAt.clear();
      return { ...figures, trackCpuPercent: (100 * cpuSeconds) / SECONDS };
    },
  };
}

/** One row per transaction, each of another learner, at a constant rate. */
async function commitEvents({ database }: Harness, round: number): Promise<void> {
  const startedAt = performance.now();
  const committing: Promise<unknown>[] = [];
  for (let n = 0; n < EVENTS; n++) {
    const due = startedAt + (n * 1000) / EVENTS_A_SECOND;
    const early = due - performance.now();
    if (early > 0) await sleep(early);
    committing.push(
      database.query({
        name: 'one_event',
        text: `INSERT INTO session (id, user_id, started_at, ended_at) VALUES ($1, $2, now() - interval '1 minute', now())`,
        values: [`r${round}-${n}`, userIdOf(n)],
      }),
    );
  }
  await Promise.all(committing);
}

async function untilArrived({ database }: Harness, read: () => number): Promise<void> {
  for (const deadline = Date.now() + ARRIVED_WITHIN_MS; Date.now() < deadline; await sleep(500)) {
    const { rows } = await database.query<{ learners: bigint }>({
      text: 'SELECT count(*) AS learners FROM lastseen.user_last_seen',
    });
    if (Number(rows[0]?.learners) === EVENTS && read() >= EVENTS) return;
  }
  throw new Error(`not all of ${EVENTS} events arrived within ${ARRIVED_WITHIN_MS / 1_000} s`);
}

async function delays({ database }: Harness, cameAt: ReadonlyMap<string, number>): Promise<Figures> {
  const { rows } = await database.query<{ id: string; committed: number; applied: number }>({
    text: `
SELECT
  s.id,
  extract(epoch FROM pg_xact_commit_timestamp(s.xmin))::float8 * 1000 AS committed,
  extract(epoch FROM pg_xact_commit_timestamp(u.xmin))::float8 * 1000 AS applied
FROM session s JOIN lastseen.user_last_seen u ON u.student_id = s.user_id::uuid`,
  });
  const applied = rows.map((row) => row.applied - row.committed);
  const read = rows.map((row) => (cameAt.get(row.id) ?? Number.NaN) - row.committed);
  return {
    trackP50Ms: quantile(applied, 0.5),
    trackP99Ms: quantile(applied, 0.99),
    readerP50Ms: quantile(read, 0.5),
    readerP99Ms: quantile(read, 0.99),
  };
}
