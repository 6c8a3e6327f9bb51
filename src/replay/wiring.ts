import { openKafka, openRegistry } from '../cli/connections.ts';
import { showProgress } from '../cli/progress/progress-bar.ts';
import { type RangeReading, readOffsetRanges } from '../cli/read-offset-ranges.ts';
import type { CommandContext } from '../cli/run-command.ts';
import { notificationTopic, temporaryGroup } from '../config/kafka-names.ts';
import { inactivityRelay } from '../events/wiring.ts';
import type { SourceDatabases } from '../freshness/replication-store.ts';
import { deliveryDeps } from '../freshness/wiring.ts';
import { createProducer } from '../kafka/client/producer.ts';
import { createOpenLetters } from '../track/open-letters-pipeline.ts';
import { collectDeps } from '../track/wiring.ts';
import type { ReplayDeps } from './pipeline.ts';
import type { ReplayPlan } from './plan.ts';
import { waitForSnapshot } from './snapshot-pipeline.ts';

export function replayDeps(
  context: CommandContext,
  { database, slotDatabase }: SourceDatabases,
  { topics }: ReplayPlan,
): ReplayDeps {
  const { settings, log, live, now } = context;
  const kafka = openKafka(context);
  const registry = openRegistry(settings);
  const shared = {
    database,
    slotDatabase,
    kafka,
    notificationTopic: notificationTopic(settings),
    readOffsetRanges: <A>(reading: Omit<RangeReading<A>, 'kafka'>) => readOffsetRanges(context, { kafka, ...reading }),
    now,
  };
  return {
    ...shared,
    collect: { ...collectDeps(settings, registry, topics, now), openLetters: createOpenLetters(database) },
    newGroup: () => temporaryGroup(settings, 'replay'),
    attemptSource: settings.ATTEMPT_SOURCE,
    waitForSnapshot: (snapshotId) =>
      waitForSnapshot(
        {
          ...shared,
          registry,
          topics,
          groupId: temporaryGroup(settings, 'snapshot'),
          ...deliveryDeps(context),
          startTimeoutMs: settings.WAIT_FRESH,
          showProgress: (total) => showProgress({ what: 'snapshot', unit: 'rows', total, log, live }),
        },
        snapshotId,
      ),
    async withRelay(work) {
      const producer = createProducer(kafka);
      try {
        return await work(await inactivityRelay(context, registry, database, producer));
      } finally {
        await producer.close();
      }
    },
    log,
  };
}
