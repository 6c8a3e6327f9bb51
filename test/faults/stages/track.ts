import { restartFailed } from '../../../stack/connector.ts';
import { lossesAgainstSources } from '../../support/source-comparison.ts';
import type { World } from '../../support/world.ts';
import { loadActivity, loadLearners, loadReturns, loadSilent } from '../activity-load.ts';
import { inactivityEvents } from '../events.ts';
import { type Fault, type Outcome, stage } from '../fault.ts';
import { envThroughProxies, type Harness, keepRunning, type Service } from '../harness.ts';
import type { Cut, TcpProxy } from '../proxy.ts';
import { sleep, until } from '../waiting.ts';

/**
 * `track` while the platform writes. After each fault the last seen of every learner equals SQL over the source tables, and
 * every return was emitted once.
 */
export interface TrackStage {
  readonly harness: Harness;
  readonly world: World;
  readonly track: Service;
  /** The number of learners who fell silent, and of those who were seen again. */
  readonly silent: number;
  returned: number;
  close(): Promise<void>;
}

const RETURNS = 20;
const MOST_LOADS = 5;
const SETTLES_WITHIN_MS = 120_000;
/** Small transactions, so that faults fall into one, or between one and its offset commit. */
const SMALL = { FLUSH_MAX_ROWS: '100', FLUSH_MAX_DELAY: '5ms', QUEUE_MAX_BYTES: '20000' };

/** @param addressed changes the environment of `track`. */
export async function openTrackStage(
  harness: Harness,
  injections: number,
  addressed: (env: Record<string, string>) => Record<string, string> = (env) => env,
): Promise<TrackStage> {
  const silent = injections * MOST_LOADS * RETURNS;
  const world = await harness.openWorld();
  await world.prepare();
  await loadLearners(world);
  await loadSilent(world, silent);
  await world.connect();
  const restarting = keepRestarting(() => restartFailed(harness.stack.addresses, world.name));
  const track = keepRunning(
    world,
    { ...addressed(envThroughProxies(harness.lastseenProxies, world, 'track')), ...SMALL },
    'track',
  );
  const settled = await until(() => lossesAgainstSources(world.database), isRight, SETTLES_WITHIN_MS);
  if (!isRight(settled.seen)) throw new Error(`track did not apply the first load: ${track.ends.join('\n')}`);
  await world.sweepApproved('--as-of', '2026-03-16T05:00:00Z');
  return {
    harness,
    world,
    track,
    silent,
    returned: 0,
    async close() {
      restarting.stop();
      await track.stop().finally(() => world.close());
    },
  };
}

/** Restarts failed tasks of the connector repeatedly, as an operator of Connect would. */
function keepRestarting(restart: () => Promise<void>): { stop(): void } {
  // Connect itself may be down.
  const timer = setInterval(() => void restart().catch(() => {}), 2_000);
  return { stop: () => clearInterval(timer) };
}

const isRight = ({ differing }: { readonly differing: bigint }) => differing === 0n;

/** Loads around the disturbance, then waits for the end state. */
export function disturbing<S extends TrackStage>(
  name: string,
  about: string,
  disturb: (state: S, n: number, load: () => Promise<void>) => Promise<void>,
): Fault<S> {
  return {
    name,
    about,
    async inject(state, n) {
      const { world } = state;
      let records = 0;
      let loads = 0;
      const load = async () => {
        loads += 1;
        if (state.returned + RETURNS > state.silent)
          throw new Error('all silent learners were seen again: loadSilent must insert more');
        records += await loadActivity(world, `${name}-${n}-${loads}`);
        records += await loadReturns(world, state.returned + 1, state.returned + RETURNS);
        state.returned += RETURNS;
      };
      const before = (await inactivityEvents(world)).duplicates;
      await load();
      await disturb(state, n, load);
      return settle(state, records, before);
    },
  };
}

async function settle({ world, track, returned }: TrackStage, records: number, before: number): Promise<Outcome> {
  const settled = await until(() => lossesAgainstSources(world.database), isRight, SETTLES_WITHIN_MS);
  const emitted = await until(
    () => inactivityEvents(world),
    ({ events }) => returnsOf(events).length >= returned,
    20_000,
  );
  const names = new Map<string, number>();
  for (const { user_id } of returnsOf(emitted.seen.events)) names.set(user_id, (names.get(user_id) ?? 0) + 1);
  const expected = Array.from({ length: returned }, (_, n) => `quiet-${n + 1}`);
  const missing = expected.filter((name) => !names.has(name)).length;
  const emittedTwice = [...names.values()].filter((times) => times > 1).length;
  const unexpected = [...names.keys()].length - (expected.length - missing);
  const { differing, lost } = settled.seen;
  // No record was removed or skipped: a gap would stop all sweeps without need.
  const { rows: gaps } = await world.database.query({ text: 'SELECT * FROM lastseen.track_gap' });
  if (gaps.length > 0) console.error('gaps:', gaps);
  if (differing > 0n || missing > 0) console.error(track.ends.slice(-3).join('\n'));
  return {
    records,
    lost: Number(lost) + missing,
    wrong: Number(differing - lost) + emittedTwice + unexpected + gaps.length,
    duplicates: emitted.seen.duplicates - before,
    recoveryMs: settled.ms,
  };
}

const returnsOf = <E extends { readonly phase: string }>(events: readonly E[]) =>
  events.filter(({ phase }) => phase === 'RETURNED');

/** Alternates between `reset` and `silence`; some cuts are longer than the session timeout. */
function cutting(name: string, about: string, proxyOf: (harness: Harness) => TcpProxy): Fault<TrackStage> {
  return disturbing(name, about, async ({ harness }, n, load) => {
    await sleep(harness.random() * 300);
    await whileCut(proxyOf(harness), cutOf(n), async () => {
      await load();
      await sleep(n % 3 === 2 ? 8_000 : 500 + harness.random() * 2_000);
    });
  });
}

const cutOf = (n: number): Cut => (n % 2 === 0 ? 'reset' : 'silence');

export async function whileCut(proxy: TcpProxy, how: Cut, work: () => Promise<void>): Promise<void> {
  proxy.cut(how);
  try {
    await work();
  } finally {
    proxy.restore();
  }
}

/** The next records have a schema that no process has fetched from the registry. */
async function changeSchema({ world }: TrackStage, name: string): Promise<void> {
  await world.database.query({ text: `ALTER TABLE session ADD COLUMN "${name}" int` });
}

/** Throws if the fault had no effect: it would prove nothing. */
async function requireEffect({ world }: TrackStage): Promise<void> {
  if (isRight(await lossesAgainstSources(world.database)))
    throw new Error('the fault had no effect: everything was applied before it ended');
}

export const trackStage = stage<TrackStage>({
  name: 'track',
  open: (harness, injections) => openTrackStage(harness, injections),
  faults: [
    disturbing(
      'kill-track',
      'SIGKILL of `track` during a load: at a random moment, or between database commit and offset commit',
      async ({ harness, track }, n) => {
        if (n % 2 === 0) await sleep(harness.random() * 400);
        else {
          const commit = harness.lastseenProxies.kafka.holdNext('offsetCommit', 'request');
          await Promise.race([commit.held, sleep(5_000)]);
          commit.release();
        }
        track.kill('SIGKILL');
      },
    ),
    disturbing('broker-restart', 'the broker killed during a load and started again', async ({ harness }, _, load) => {
      await harness.stack.killPart('kafka');
      await load();
      await sleep(harness.random() * 1_500);
      await harness.stack.startPart('kafka');
    }),
    disturbing('postgres-restart', 'Postgres killed during a load and started again', async (state, _, load) => {
      await sleep(state.harness.random() * 300);
      await state.harness.stack.killPart('postgres');
      await sleep(state.harness.random() * 1_500);
      await state.harness.stack.startPart('postgres');
      await load();
    }),
    disturbing(
      'registry-outage',
      'the registry down for two minutes while records with an unknown schema arrive',
      async (state, n, load) => {
        const { harness } = state;
        // Alternates between a registry that hangs while `track` starts, and one that refuses connections.
        if (n % 2 === 0) {
          harness.lastseenProxies.kafka.cut('silence');
          await changeSchema(state, `hung_${n}`);
          await load();
          await state.world.waitForDelivery();
          await harness.stack.killPart('registry', 'SIGSTOP');
          state.track.kill('SIGKILL');
          harness.lastseenProxies.kafka.restore();
          await sleep(REGISTRY_OUTAGE_MS);
          await requireEffect(state);
          await harness.stack.killPart('registry', 'SIGCONT');
        } else {
          harness.lastseenProxies.registry.cut('reset');
          await changeSchema(state, `gone_${n}`);
          await load();
          await sleep(REGISTRY_OUTAGE_MS);
          await requireEffect(state);
          harness.lastseenProxies.registry.restore();
        }
      },
    ),
    disturbing('connect-kill', 'Connect killed while it streams, and started again', async ({ harness }, _, load) => {
      await sleep(harness.random() * 500);
      await harness.stack.killPart('connect');
      await load();
      await harness.stack.startPart('connect');
    }),
    disturbing(
      'rebalance-storm',
      'three instances of `track` that join and leave every few seconds during a load',
      async ({ harness, world }, _, load) => {
        const env = { ...envThroughProxies(harness.lastseenProxies, world, 'track'), ...SMALL };
        const others = [keepRunning(world, env, 'track'), keepRunning(world, env, 'track')];
        for (let round = 0; round < 4; round++) {
          await sleep(1_000 + harness.random() * 1_500);
          others[round % 2]?.kill(harness.random() < 0.5 ? 'SIGTERM' : 'SIGKILL');
          await load();
        }
        await Promise.all(others.map((other) => other.stop()));
      },
    ),
    cutting('cut-track-kafka', '`track` cut off from Kafka', (harness) => harness.lastseenProxies.kafka),
    cutting('cut-track-postgres', '`track` cut off from Postgres', (harness) => harness.lastseenProxies.postgres),
    disturbing(
      'cut-track-registry',
      '`track` cut off from the registry while records with an unknown schema arrive',
      async (state, n, load) => {
        await whileCut(state.harness.lastseenProxies.registry, cutOf(n), async () => {
          await changeSchema(state, `cut_${n}`);
          await load();
          await state.world.waitForDelivery();
          await sleep(state.harness.random() * 3_000);
          await requireEffect(state);
        });
      },
    ),
    cutting('cut-connect-kafka', 'the connector cut off from Kafka', (harness) => harness.connectorProxies.kafka),
    disturbing('cut-connect-postgres', 'the connector cut off from Postgres', async (state, n, load) => {
      await whileCut(state.harness.connectorProxies.postgres, cutOf(n), async () => {
        await load();
        await sleep(500 + state.harness.random() * 2_000);
      });
    }),
    disturbing(
      'cut-connect-registry',
      'the connector cut off from the registry while it has a schema to register',
      async (state, n, load) => {
        await whileCut(state.harness.connectorProxies.registry, 'reset', async () => {
          await changeSchema(state, `unregistered_${n}`);
          await load();
          await sleep(500 + state.harness.random() * 2_000);
        });
      },
    ),
  ],
});

const REGISTRY_OUTAGE_MS = 120_000;
