import type { CommandContext } from '../cli/run-command.ts';
import { sourceTopics } from '../config/kafka-names.ts';
import { endPositions } from '../kafka/admin/offsets.ts';
import type { KafkaClient } from '../kafka/client/client.ts';
import type { Database } from '../postgres/database.ts';
import { pause } from '../runtime/retries.ts';
import type { FreshnessDeps } from './pipeline.ts';

const TELL_EVERY_MS = 5_000;

/** What freshness is proven with, as it is configured. */
export function freshnessDeps(context: CommandContext, database: Database, kafka: KafkaClient): FreshnessDeps {
  const { settings, now, stopping } = context;
  const slot = settings.REPLICATION_SLOT ?? settings.TOPIC_PREFIX;
  return {
    database,
    sources: sourceTopics(settings),
    slot,
    publication: settings.PUBLICATION ?? slot,
    waitMs: settings.WAIT_FRESH,
    readEnds: (topics) => endPositions(kafka, topics),
    now,
    pause: (ms) => pause(ms, stopping),
    onWaiting: tellNowAndThen(context),
  };
}

function tellNowAndThen({ log }: CommandContext): (reasons: readonly string[]) => void {
  let toldAt = 0;
  return (reasons) => {
    if (performance.now() - toldAt < TELL_EVERY_MS) return;
    toldAt = performance.now();
    log.info({ event: 'freshness_waiting', reasons }, 'waiting until what happened at the source is applied');
  };
}
