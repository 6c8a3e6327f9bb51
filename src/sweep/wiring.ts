import { setFlagsFromString } from 'node:v8';
import { v7 as uuidv7 } from 'uuid';
import {
  openKafka,
  openRegistry,
  untilGraceDeadline,
  withSlotDatabase,
  withSourceDatabase,
} from '../cli/connections.ts';
import type { CommandContext } from '../cli/run-command.ts';
import { sourceTopics } from '../config/kafka-names.ts';
import { sourceSetting } from '../config/source-server.ts';
import { inactivityRelay, ownEventsCheck } from '../events/wiring.ts';
import { type FreshnessDeps, proveApplied, proveFresh } from '../freshness/pipeline.ts';
import { isStandby, sourcePrimary } from '../freshness/replication-store.ts';
import { freshnessDeps } from '../freshness/wiring.ts';
import { createProducer } from '../kafka/client/producer.ts';
import type { Database } from '../postgres/database.ts';
import { createReplica, untilReplayed } from '../postgres/replica.ts';
import { namesCheck } from '../preflight/names-wiring.ts';
import { requireSound } from '../preflight/start-pipeline.ts';
import { LastseenError } from '../runtime/errors.ts';
import type { SweepDeps } from './pipeline.ts';
import { readLearnerColumns, type VerifyDeps } from './verify-pipeline.ts';

/** Runs `work` with the connections that a sweep needs, and closes them at the end. */
export async function withSweepDeps<T>(
  context: CommandContext,
  database: Database,
  force: boolean,
  work: (deps: SweepDeps) => Promise<T>,
): Promise<T> {
  // A sweep mostly waits for Postgres: V8 collects garbage when the heap has grown by 60 %, not 120 % (package.json).
  setFlagsFromString('--heap-growing-percent=60');
  const { settings, now } = context;
  const kafka = openKafka(context);
  const producer = createProducer(kafka);
  try {
    await checkStart(context, database, force);
    const relay = await inactivityRelay(context, openRegistry(settings), database, producer);
    return await withSlotDatabase(context, database, (slotDatabase) => {
      const freshness = { ...freshnessDeps(context, { database, slotDatabase }, kafka), recordsCapture: true };
      return withSourceDatabase(context, async (source) =>
        work({
          database,
          newRunId: uuidv7,
          now,
          proveFresh: force ? undefined : (asOf) => proveFresh(freshness, asOf),
          verify: settings.SWEEP_VERIFY === 'off' ? undefined : await verifyDeps(context, freshness, source, force),
          maxCrossedShare: settings.MAX_CROSSED_SHARE,
          relay,
        }),
      );
    });
  } finally {
    await untilGraceDeadline(context, producer.close());
  }
}

/** An outage is left to the proof, which waits for its end. `--force` also decides with names that prove nothing. */
function checkStart(context: CommandContext, database: Database, force: boolean): Promise<void> {
  const { settings } = context;
  // The proof has retries enough.
  const kafka = openKafka(context, 1);
  return withSlotDatabase(context, database, (slotDatabase) => {
    const names = force ? [] : [namesCheck(settings, { database, slotDatabase }, kafka)];
    return requireSound(context, [...names, ownEventsCheck(kafka, database, [settings.INACTIVITY_TOPIC])], false);
  });
}

/**
 * What candidates are verified with. `--force` does not switch it off: it only needs less of the proof, because what is
 * known to be missing was accepted.
 */
async function verifyDeps(
  { settings }: CommandContext,
  freshness: FreshnessDeps,
  source: Database,
  force: boolean,
): Promise<VerifyDeps> {
  return {
    sourceDatabase: source,
    // Attempts that are read from exam results are as late as these.
    sources: await readLearnerColumns(source, sourceTopics(settings).values(), sourceSetting(settings)),
    maxClockSkewUs: BigInt(Math.round(settings.MAX_CLOCK_SKEW * 1000)),
    waitForReplica: () => waitForReplica(freshness, source),
    proveApplied: (asOf) => (force ? proveApplied(freshness) : proveFresh(freshness, asOf)),
  };
}

async function waitForReplica(freshness: FreshnessDeps, source: Database): Promise<void> {
  if (!(await isStandby(source))) return;
  const { waitMs, pause } = freshness;
  const replica = createReplica(await sourcePrimary(freshness), source);
  const position = await replica.primaryPosition();
  if (await untilReplayed(replica, position, performance.now() + waitMs, pause)) return;
  throw new LastseenError(
    'not_fresh',
    `not fresh: SOURCE_DATABASE_URL is a replica that has not replayed the log up to ${position}`,
  );
}
