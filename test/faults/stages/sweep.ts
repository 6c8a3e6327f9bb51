import { dateOf, formatInstant } from '../../../src/activity/instant.ts';
import type { CliRun } from '../../support/lastseen-cli.ts';
import { startPgBouncer } from '../../support/pgbouncer.ts';
import type { World } from '../../support/world.ts';
import { type InactivityEventRead, inactivityEvents } from '../events.ts';
import { type Fault, stage } from '../fault.ts';
import { envThroughProxies, type Harness } from '../harness.ts';
import type { TcpProxy } from '../proxy.ts';
import { compare, morning, sweepUntilDone } from '../sweeping.ts';
import { sleep, until } from '../waiting.ts';

/**
 * Sweeps of one day after another over inactive learners. After each fault the sweep is run again to
 * its end. The topic must then hold the events that SQL gives for all days so far, once per id.
 */
interface SweepStage {
  readonly harness: Harness;
  readonly world: World;
  /** Mornings swept so far. */
  mornings: number;
  close(): Promise<void>;
}

const LEARNERS = 250;
const LOOKBACK_DAYS = 400;

async function open(harness: Harness): Promise<SweepStage> {
  const world = await harness.openWorld();
  await world.prepare();
  // So few cross per morning that no sweep is held. Learners seen after a morning are undecidable in its sweep.
  await world.database.query({
    text: `
INSERT INTO session (id, user_id, started_at)
SELECT 's-' || u, 'user-' || u, timestamptz '2026-01-01Z' + u % 90 * interval '1 day' + u * interval '1.000001 minutes'
FROM generate_series(1, ${LEARNERS}) u`,
  });
  await world.connect();
  await world.waitForDelivery();
  const track = await world.lastseen('track', '--until-end');
  if (track.code !== 0) throw new Error(`track ended with ${track.code}:\n${track.stderr}`);
  return { harness, world, mornings: 0, close: () => world.close() };
}

/** Runs the sweep of the next morning during the disturbance, then again until it completes. */
function disturbing(
  name: string,
  about: string,
  disturb: (state: SweepStage, n: number, start: () => Promise<CliRun> & { kill(): void }) => Promise<unknown>,
): Fault<SweepStage> {
  return {
    name,
    about,
    async inject(state, n) {
      const { world, harness } = state;
      const flags = ['--as-of', morning(state.mornings), '--lookback', String(LOOKBACK_DAYS)];
      state.mornings += 1;
      const before = await inactivityEvents(world);
      const start = () => {
        const run = world.start(
          envThroughProxies(harness.lastseenProxies, world, 'sweep'),
          'sweep',
          ...flags,
          '--json',
        );
        return Object.assign(run.ended, { kill: () => void run.process.kill('SIGKILL') });
      };
      await disturb(state, n, start);
      const restoredAt = performance.now();
      await sweepUntilDone(world, ...flags);
      const { events, duplicates } = await inactivityEvents(world);
      const recoveryMs = Math.round(performance.now() - restoredAt);
      return {
        records: events.length - before.events.length,
        ...compare(await eventsBySql(state), events.map(contentOf)),
        duplicates: duplicates - before.duplicates,
        recoveryMs,
      };
    },
  };
}

function contentOf({ user_id, phase, last_seen_at, as_of }: InactivityEventRead): string {
  return [user_id, phase, formatInstant(last_seen_at), phase === 'ONGOING' ? dateOf(as_of) : ''].join('|');
}

/** All events that the sweeps so far had to emit, computed from the source table. */
async function eventsBySql({ world, mornings }: SweepStage): Promise<string[]> {
  const { rows } = await world.database.query<InactivityEventRead>({
    text: `
SELECT user_id, started_at AS last_seen_at, as_of,
  CASE WHEN as_of = min(as_of) OVER (PARTITION BY user_id) THEN 'CROSSED' ELSE 'ONGOING' END AS phase
FROM session, LATERAL generate_series(0, $2::int - 1) morning,
  LATERAL (SELECT $1::timestamptz + morning * interval '24 hours') AS m (as_of)
WHERE started_at <= as_of - interval '7 days' AND started_at > as_of - $3 * interval '24 hours'`,
    values: [morning(0), mornings, LOOKBACK_DAYS],
  });
  return rows.map(contentOf);
}

function cutting(name: string, about: string, proxyOf: (harness: Harness) => TcpProxy): Fault<SweepStage> {
  return disturbing(name, about, async ({ harness }, n, start) => {
    const run = start();
    await sleep(harness.random() * 3_000);
    proxyOf(harness).cut(n % 2 === 0 ? 'reset' : 'silence');
    await sleep(500 + harness.random() * 2_500);
    proxyOf(harness).restore();
    await run;
  });
}

/** Whether there was one. */
async function endLockHolder(world: World): Promise<boolean> {
  const { count } = await world.database.query({
    text: `
SELECT pg_terminate_backend(pid, 5000) FROM pg_locks
WHERE locktype = 'advisory' AND objid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  });
  return count > 0;
}

async function through(
  world: World,
  mode: 'session' | 'transaction',
  work: (env: Record<string, string>) => Promise<void>,
): Promise<void> {
  const pooler = await startPgBouncer(world.env['DATABASE_URL'] ?? '', mode);
  try {
    await work({ DATABASE_URL: pooler.url });
  } finally {
    await pooler.stop();
  }
}

export const sweepStage = stage<SweepStage>({
  name: 'sweep',
  open,
  faults: [
    disturbing(
      'kill-sweep',
      'SIGKILL of `sweep`: at a random moment, before publishing, or between publishing and marking',
      async ({ harness }, n, start) => {
        const { kafka } = harness.lastseenProxies;
        const hold = n % 3 === 0 ? undefined : kafka.holdNext('produce', n % 3 === 1 ? 'response' : 'request');
        const run = start();
        await Promise.race([hold?.held ?? sleep(harness.random() * 4_000), run]);
        hold?.release();
        run.kill();
        await run;
      },
    ),
    cutting('cut-sweep-kafka', '`sweep` cut off from Kafka', (harness) => harness.lastseenProxies.kafka),
    cutting('cut-sweep-postgres', '`sweep` cut off from Postgres', (harness) => harness.lastseenProxies.postgres),
    cutting('cut-sweep-registry', '`sweep` cut off from the registry', (harness) => harness.lastseenProxies.registry),
    disturbing(
      'lost-lock',
      'the connection of a sweep’s lock ended while the sweep waits, and a second sweep started: the first decides nothing',
      async ({ world }, _, start) => {
        await world.pause();
        const first = start();
        const lock = await until(
          () => endLockHolder(world),
          (ended) => ended,
          60_000,
        );
        if (!lock.seen) throw new Error('the sweep did not take its lock');
        const second = start();
        await sleep(1_000);
        await world.resume();
        const { code, stderr } = await first;
        await second;
        if (code !== 75 || !stderr.includes('the lock of the sweep was lost'))
          throw new Error(`the sweep that lost its lock ended with ${code}:\n${stderr}`);
      },
    ),
    disturbing(
      'pooler',
      'two sweeps and `track` through PgBouncer: refused in transaction mode, right in session mode',
      async ({ world, mornings }) => {
        const flags = ['--as-of', morning(mornings - 1), '--lookback', String(LOOKBACK_DAYS), '--json'];
        await through(world, 'transaction', async (env) => {
          const runs = [
            ['sweep', ...flags],
            ['sweep', ...flags],
            ['track', '--until-end'],
          ];
          for (const { code, stderr } of await Promise.all(runs.map((args) => world.lastseenWith(env, ...args)))) {
            if (code !== 1 || !stderr.includes('pooler in transaction mode'))
              throw new Error(`a command through a transaction pooler ended with ${code}:\n${stderr}`);
          }
        });
        await through(world, 'session', async (env) => {
          const runs = await Promise.all([flags, flags].map((args) => world.lastseenWith(env, 'sweep', ...args)));
          if (!runs.some(({ code }) => code === 0))
            throw new Error(
              `no sweep completed through a session pooler:\n${runs.map(({ stderr }) => stderr).join('')}`,
            );
        });
      },
    ),
    disturbing('two-sweeps', 'two sweeps with the same as-of at once', (_, __, start) =>
      Promise.all([start(), start()]),
    ),
  ],
});
