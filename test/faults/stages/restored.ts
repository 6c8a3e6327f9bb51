import { restartFromSnapshot } from '../../../stack/connector.ts';
import { asRole, roleOf } from '../../../stack/roles.ts';
import { startStack } from '../../../stack/stack.ts';
import { stopAndDropSlot } from '../../support/dropped-slot.ts';
import { type FreshDatabase, freshDatabase } from '../../support/fresh-database.ts';
import type { World } from '../../support/world.ts';
import { inactivityEvents } from '../events.ts';
import { type Outcome, stage } from '../fault.ts';
import { type Harness, keepRunning } from '../harness.ts';
import { copySource } from '../source-server.ts';
import { sweepUntilDone } from '../sweeping.ts';
import type { TrackedWorld } from '../tracked-world.ts';
import { until } from '../waiting.ts';
import { insertSilent, QUIET_LEARNERS, seenNow, sql, untilLooked } from './silent-world.ts';

/**
 * Own tables are on a server of their own, so they do not go back with the source: the world's database is the source, and
 * its commands use the own tables.
 */
interface RestoredStage extends TrackedWorld {
  readonly own: FreshDatabase;
}

async function open(harness: Harness): Promise<RestoredStage> {
  const ownServer = await startStack({ parts: ['postgres'] });
  const own = await freshDatabase(ownServer.addresses.databaseUrl);
  const source = await harness.openWorld();
  const { DATABASE_URL: sourceUrl = '' } = source.env;
  const envOf = (command: string | undefined) => ({
    DATABASE_URL: asRole(own.url, roleOf(command)),
    SLOT_DATABASE_URL: asRole(sourceUrl, roleOf(command)),
  });
  const world: World = { ...source, lastseen: (...args) => source.lastseenWith(envOf(args[0]), ...args) };
  // Nothing can be read in the wrong database.
  await source.database.query({ text: 'DROP SCHEMA lastseen CASCADE; DROP TABLE weekly_kpi' });
  await own.database.query({ text: 'DROP TABLE session, attempt, exam_results, features_topic_daily' });
  for (const command of [['topics'], ['schemas', 'register']]) await succeed(world, ...command);
  await world.connect();
  const track = keepRunning(world, envOf('track'), 'track');
  return {
    harness,
    world,
    own,
    track,
    async close() {
      await track.stop();
      await source.close();
      await own.close();
      await ownServer.stop();
    },
  };
}

async function succeed(world: World, ...args: string[]): Promise<void> {
  const { code, stderr } = await world.lastseen(...args);
  if (code !== 0) throw new Error(`lastseen ${args.join(' ')} exited with ${code}:\n${stderr}`);
}

/** Waits for a row of own tables. */
async function untilOwn({ own, track }: RestoredStage, what: string, text: string): Promise<void> {
  const { seen } = await until(
    () => own.database.query({ text }),
    ({ count }) => count > 0,
    90_000,
  );
  if (seen.count === 0) throw new Error(`${what}: not within 90 s: ${track.ends.join('\n')}`);
}

const untilApplied = (state: RestoredStage, n: number, learners: number, since: string) =>
  untilOwn(
    state,
    `track applies ${learners} learners`,
    `SELECT FROM lastseen.user_last_seen WHERE user_id LIKE 'restored-${n}-%' AND last_seen_at > now() - interval '${since}'
     HAVING count(*) = ${learners}`,
  );

/** As the page on recovery says: a new slot with a new snapshot, and an audit. */
async function recover({ harness, world }: RestoredStage): Promise<void> {
  await stopAndDropSlot(harness.stack.addresses, world);
  await restartFromSnapshot(harness.stack.addresses, world.name);
  await succeed(world, 'audit', '--repair', '--wait-fresh', '60s', '--json');
}

async function restore(state: RestoredStage, n: number): Promise<Outcome> {
  const { harness, world } = state;
  const before = await inactivityEvents(world);
  await insertSilent(state, `restored-${n}`);
  await untilApplied(state, n, QUIET_LEARNERS, '8 days');
  const copy = await copySource(harness.stack, world.database);
  await seenNow(state, `restored-${n}`, `right(id, 1) < '5'`);
  // The log is then longer than the one that the restored server writes until the next look.
  await sql(state, 'SELECT pg_switch_wal()');
  await untilApplied(state, n, QUIET_LEARNERS / 2, '1 day');
  await untilLooked(state, state.own.database);
  await copy.restore();
  await seenNow(state, `restored-${n}`);
  const refused = await world.lastseen('sweep', '--wait-fresh', '60s', '--json');
  const endedAt = performance.now();
  const rightly =
    refused.code === 75 &&
    /not fresh: changes may not have been captured .* the log of the source went back from/.test(refused.stderr);
  if (!rightly) console.error(`the sweep ended with ${refused.code}:\n${refused.stderr}`);
  await recover(state);
  await sweepUntilDone(world);
  const { count } = await state.own.database.query({
    text: `SELECT FROM lastseen.user_last_seen WHERE user_id LIKE 'restored-${n}-%' AND last_seen_at > now() - interval '1 day'`,
  });
  const { events } = await inactivityEvents(world);
  return {
    records: QUIET_LEARNERS,
    lost: QUIET_LEARNERS - count,
    wrong: events.length - before.events.length + (rightly ? 0 : 1),
    duplicates: 0,
    recoveryMs: Math.round(performance.now() - endedAt),
  };
}

export const restoredStage = stage<RestoredStage>({
  name: 'restored',
  open,
  faults: [
    {
      name: 'restored-to-a-point',
      about:
        'the source restored to an earlier point, own tables not: the sweep must refuse, and an audit after a new snapshot must repair last seen',
      inject: restore,
    },
  ],
});
