import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { writtenPositions } from '../kafka/admin.ts';
import { createProducer } from '../kafka/producer.ts';
import { proveFresh } from '../pipelines/freshness.ts';
import type { SweepDeps } from '../pipelines/sweep.ts';
import type { Database } from '../postgres/database.ts';
import { openKafka, openRegistry } from './connections.ts';
import type { CommandContext } from './process.ts';
import { inactivityRelay } from './relays.ts';
import { sourceTopics } from './topic-names.ts';

const TELL_EVERY_MS = 5_000;

/** Runs `work` with all that a sweep needs, and lets go of it whatever happens. */
export async function withDetector<T>(
  context: CommandContext,
  database: Database,
  force: boolean,
  work: (deps: SweepDeps) => Promise<T>,
): Promise<T> {
  const { settings, now } = context;
  const kafka = openKafka(context);
  const producer = createProducer(kafka);
  try {
    const relay = await inactivityRelay(context, openRegistry(settings), database, producer);
    const slot = settings.REPLICATION_SLOT ?? settings.TOPIC_PREFIX;
    const freshness = {
      database,
      sources: sourceTopics(settings),
      slot,
      publication: settings.PUBLICATION ?? slot,
      waitMs: settings.WAIT_FRESH,
      readEnds: (topics: readonly string[]) => writtenPositions(kafka, topics),
      now,
      pause: pauseUnless(context.stopping),
      onWaiting: tellNowAndThen(context),
    };
    return await work({
      database,
      newRunId: uuidv7,
      now,
      proveFresh: force ? undefined : (asOf) => proveFresh(freshness, asOf),
      maxCrossedShare: settings.MAX_CROSSED_SHARE,
      relay,
    });
  } finally {
    await producer.close();
  }
}

function pauseUnless(stopping: AbortSignal): (ms: number) => Promise<boolean> {
  return (ms) =>
    sleep(ms, true, { signal: stopping }).catch(() => {
      return false;
    });
}

function tellNowAndThen({ log }: CommandContext): (reasons: readonly string[]) => void {
  let toldAt = 0;
  return (reasons) => {
    if (performance.now() - toldAt < TELL_EVERY_MS) return;
    toldAt = performance.now();
    log.info({ event: 'waiting_for_freshness', reasons }, 'waiting until what happened at the source is applied');
  };
}
