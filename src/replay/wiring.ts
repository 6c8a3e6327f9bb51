import { openKafka, openRegistry } from '../cli/connections.ts';
import { showProgress } from '../cli/progress-bar.ts';
import { readRange } from '../cli/read-ranges.ts';
import type { CommandContext } from '../cli/run-command.ts';
import { notificationTopic } from '../config/topic-names.ts';
import { inactivityRelay } from '../events/relays-wiring.ts';
import { createProducer } from '../kafka/client/producer.ts';
import type { Database } from '../postgres/database.ts';
import { collectDeps } from '../track/wiring.ts';
import type { ReplayDeps } from './pipeline.ts';
import type { ReplayPlan } from './plan.ts';

export function replayDeps(context: CommandContext, database: Database, { topics }: ReplayPlan): ReplayDeps {
  const { settings, log, terminal, now } = context;
  const kafka = openKafka(context);
  const registry = openRegistry(settings);
  return {
    database,
    kafka,
    registry,
    collect: collectDeps(settings, registry, topics),
    attemptSource: settings.ATTEMPT_SOURCE,
    snapshot: {
      notificationTopic: notificationTopic(settings),
      slot: settings.REPLICATION_SLOT ?? settings.TOPIC_PREFIX,
      startTimeoutMs: settings.WAIT_FRESH,
      showProgress: (total) => showProgress({ what: 'snapshot', unit: 'rows', total, log, terminal }),
    },
    readRange: (reading) => readRange(context, { kafka, ...reading }),
    async openRelay() {
      const producer = createProducer(kafka);
      try {
        const relay = await inactivityRelay(context, registry, database, producer);
        return { relay, close: () => producer.close() };
      } catch (error) {
        await producer.close();
        throw error;
      }
    },
    now,
    log,
  };
}
