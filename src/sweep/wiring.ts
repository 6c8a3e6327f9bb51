import { setFlagsFromString } from 'node:v8';
import { v7 as uuidv7 } from 'uuid';
import { openKafka, openRegistry, untilGraceDeadline, withSlotDatabase } from '../cli/connections.ts';
import type { CommandContext } from '../cli/run-command.ts';
import { inactivityRelay } from '../events/wiring.ts';
import { proveFresh } from '../freshness/pipeline.ts';
import { freshnessDeps } from '../freshness/wiring.ts';
import { createProducer } from '../kafka/client/producer.ts';
import type { Database } from '../postgres/database.ts';
import type { SweepDeps } from './pipeline.ts';

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
    const relay = await inactivityRelay(context, openRegistry(settings), database, producer);
    return await withSlotDatabase(context, database, (slotDatabase) => {
      const freshness = { ...freshnessDeps(context, { database, slotDatabase }, kafka), recordsCapture: true };
      return work({
        database,
        newRunId: uuidv7,
        now,
        proveFresh: force ? undefined : (asOf) => proveFresh(freshness, asOf),
        maxCrossedShare: settings.MAX_CROSSED_SHARE,
        relay,
      });
    });
  } finally {
    await untilGraceDeadline(context, producer.close());
  }
}
