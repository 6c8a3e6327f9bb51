import type { World } from '../../support/world.ts';
import { inactivityEvents, kpiUpdates } from '../events.ts';
import { type Fault, type Outcome, stage } from '../fault.ts';
import { envThroughProxies, type Harness, keepRunning, type Service } from '../harness.ts';
import type { TcpProxy } from '../proxy.ts';
import { compare, morning } from '../sweeping.ts';
import { sleep, until } from '../waiting.ts';

/**
 * `recompute` answers the events of one sweep after another. After each fault every event is answered and published once,
 * P and S equal SQL, and the figures of other jobs are unchanged.
 */
interface RecomputeStage {
  readonly harness: Harness;
  readonly world: World;
  readonly recompute: Service;
  mornings: number;
  close(): Promise<void>;
}

const LEARNERS = 300;
const SETTLES_WITHIN_MS = 90_000;
/** Many small transactions. */
const SMALL = { FLUSH_MAX_ROWS: '20', FLUSH_MAX_DELAY: '1ms', QUEUE_MAX_BYTES: '1000' };

async function open(harness: Harness): Promise<RecomputeStage> {
  const world = await harness.openWorld();
  await world.prepare();
  const sql = (text: string) => world.database.query({ text });
  await sql(`
INSERT INTO session (id, user_id, started_at)
SELECT 's-' || u, 'user-' || u, timestamptz '2025-12-30Z' - u % 20 * interval '1 day' FROM generate_series(1, ${LEARNERS}) u`);
  await sql(`
INSERT INTO ability_estimates (user_id, mean, sd, fitted_at)
SELECT 'user-' || u, (u % 40 - 20) / 10.0, 0.7, timestamptz '2025-12-01Z' FROM generate_series(1, ${LEARNERS}) u`);
  await sql(`
INSERT INTO weekly_kpi (user_id, week_start, kpis)
SELECT 'user-' || u, date '2026-01-05' + week * 7, jsonb_build_object('A_t', 0.5, 'P', 0.1, 'S', 0.2, 'other', u)
FROM generate_series(1, ${LEARNERS}) u, generate_series(0, 20) week WHERE u % 3 > 0`);
  await world.connect();
  await world.waitForDelivery();
  const track = await world.lastseen('track', '--until-end');
  if (track.code !== 0) throw new Error(`track ended with ${track.code}:\n${track.stderr}`);
  const env = { ...envThroughProxies(harness.lastseenProxies, world, 'recompute'), ...SMALL };
  const recompute = keepRunning(world, env, 'recompute');
  return {
    harness,
    world,
    recompute,
    mornings: 0,
    async close() {
      await recompute.stop().finally(() => world.close());
    },
  };
}

/** Prepares the events of a sweep before `recompute` can read them, so that the fault hits its work. */
function disturbing(
  name: string,
  about: string,
  disturb: (state: RecomputeStage, n: number) => Promise<void>,
): Fault<RecomputeStage> {
  return {
    name,
    about,
    async inject(state, n) {
      const { world, harness } = state;
      const before = await kpiUpdates(world);
      harness.lastseenProxies.kafka.cut('silence');
      await world.sweepApproved('--as-of', morning(state.mornings), '--lookback', '400');
      state.mornings += 1;
      harness.lastseenProxies.kafka.restore();
      await disturb(state, n);
      return settle(state, before.duplicates);
    },
  };
}

async function settle({ world, recompute, mornings }: RecomputeStage, duplicatesBefore: number): Promise<Outcome> {
  // The events may have been waiting for the process that was cut off.
  const published = await until(
    () => countUnpublished(world),
    (count) => count === 0n,
    SETTLES_WITHIN_MS,
  );
  if (published.seen > 0n) throw new Error(`${published.seen} decided events were never published`);
  const asked = (await inactivityEvents(world)).events.map(({ event_id }) => event_id);
  const readCounts = async () => {
    const { rows } = await world.database.query<{ unanswered: bigint; unpublished: bigint }>({
      text: `
SELECT
  (SELECT count(*) FROM unnest($1::uuid[]) id WHERE (SELECT count(*) = 0 FROM lastseen.kpi_ledger WHERE cause_event_id = id)) AS unanswered,
  (SELECT count(*) FROM lastseen.kpi_ledger WHERE published_at IS NULL) AS unpublished`,
      values: [asked],
    });
    return rows[0] ?? { unanswered: -1n, unpublished: -1n };
  };
  const settled = await until(readCounts, (at) => at.unanswered === 0n && at.unpublished === 0n, SETTLES_WITHIN_MS);
  const emitted = await kpiUpdates(world);
  const figures = await wrongFigures(world, morning(mornings - 1));
  const updates = compare(
    asked,
    emitted.events.map((event) => event.cause_event_id),
  );
  const outcome = {
    records: LEARNERS,
    lost: Number(settled.seen.unanswered) + updates.lost,
    wrong: updates.wrong + figures,
    duplicates: emitted.duplicates - duplicatesBefore,
    recoveryMs: published.ms + settled.ms,
  };
  if (outcome.lost + outcome.wrong > 0) console.error(recompute.ends.slice(-3).join('\n'));
  return outcome;
}

async function countUnpublished({ database }: World): Promise<bigint> {
  const { rows } = await database.query<{ count: bigint }>({
    text: 'SELECT count(*) AS count FROM lastseen.inactivity_outbox WHERE published_at IS NULL',
  });
  return rows[0]?.count ?? -1n;
}

/** Learners whose P or S differs from SQL over their inputs, and rows in which a figure of another job was changed. */
async function wrongFigures(world: World, asOf: string): Promise<number> {
  const { rows } = await world.database.query<{ wrong: bigint }>({
    text: `
SELECT (
  SELECT count(*)
  FROM session JOIN ability_estimates USING (user_id)
  LEFT JOIN weekly_kpi w ON w.user_id = session.user_id AND w.week_start = date_trunc('week', $1::timestamptz AT TIME ZONE 'UTC')::date
  WHERE coalesce(abs((kpis->>'P')::float8 - 0.5 * erfc(-mean / sd / sqrt(2::float8))), 1) > 1e-9
    OR coalesce(abs((kpis->>'S')::float8
      - (0.6 * least(1, (($1 AT TIME ZONE 'UTC')::date - (started_at AT TIME ZONE 'UTC')::date) / 14.0) + 0.4)), 1) > 1e-9
) + (
  SELECT count(*)
  FROM weekly_kpi WHERE substr(user_id, 6)::int % 3 > 0
    AND kpis - 'P' - 'S' <> jsonb_build_object('A_t', 0.5, 'other', substr(user_id, 6)::int)
) AS wrong`,
    values: [asOf],
  });
  return Number(rows[0]?.wrong ?? -1);
}

function cutting(name: string, about: string, proxyOf: (harness: Harness) => TcpProxy): Fault<RecomputeStage> {
  return disturbing(name, about, async ({ harness }, n) => {
    await sleep(harness.random() * 400);
    proxyOf(harness).cut(n % 2 === 0 ? 'reset' : 'silence');
    await sleep(500 + harness.random() * 3_000);
    proxyOf(harness).restore();
  });
}

export const recomputeStage = stage<RecomputeStage>({
  name: 'recompute',
  open,
  faults: [
    disturbing(
      'kill-recompute',
      'SIGKILL of `recompute`: at a random moment, between database commit and offset commit, or between publishing and marking',
      async ({ harness, recompute }, n) => {
        const { kafka } = harness.lastseenProxies;
        const hold =
          n % 3 === 0
            ? undefined
            : n % 3 === 1
              ? kafka.holdNext('offsetCommit', 'request')
              : kafka.holdNext('produce', 'response');
        await Promise.race([hold?.held ?? sleep(harness.random() * 500), sleep(5_000)]);
        hold?.release();
        recompute.kill('SIGKILL');
      },
    ),
    cutting('cut-recompute-kafka', '`recompute` cut off from Kafka', (harness) => harness.lastseenProxies.kafka),
    cutting(
      'cut-recompute-postgres',
      '`recompute` cut off from Postgres',
      (harness) => harness.lastseenProxies.postgres,
    ),
    disturbing(
      'cut-recompute-registry',
      '`recompute` cut off from the registry as it starts',
      async ({ harness, recompute }, n) => {
        const { registry } = harness.lastseenProxies;
        registry.cut(n % 2 === 0 ? 'reset' : 'silence');
        recompute.kill('SIGKILL');
        await sleep(1_000 + harness.random() * 3_000);
        registry.restore();
      },
    ),
  ],
});
