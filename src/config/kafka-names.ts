import { v7 as uuidv7 } from 'uuid';
import { SOURCES, type Source, topicSetting } from '../activity/source.ts';
import type { Settings } from './settings.ts';

/** The consumer group of a command that runs continuously. */
export function groupOf({ KAFKA_GROUP_ID, OWN_PREFIX }: Settings, reader: Reader): string {
  return KAFKA_GROUP_ID ?? defaultGroup(OWN_PREFIX, reader);
}

/** The setting that names the group of a command. */
export function groupSetting({ KAFKA_GROUP_ID }: Settings): 'KAFKA_GROUP_ID' | 'OWN_PREFIX' {
  return KAFKA_GROUP_ID === undefined ? 'OWN_PREFIX' : 'KAFKA_GROUP_ID';
}

export function defaultGroup(ownPrefix: string, reader: Reader): string {
  return `${ownPrefix}-${reader}`;
}

/** A new consumer group for one reading, which deletes it at its end. Not `KAFKA_GROUP_ID`: that one is shared. */
export function temporaryGroup({ OWN_PREFIX }: Settings, reading: TemporaryReading): string {
  return `${OWN_PREFIX}-${reading}-${uuidv7()}`;
}

type TemporaryReading = 'backtest' | 'dlq' | 'events' | 'replay' | 'snapshot';

/** The source topics, each with its source. `attempt` has none if `ATTEMPT_SOURCE=exam_results`. */
export function sourceTopics(settings: Settings): ReadonlyMap<string, Source> {
  const enabled = SOURCES.filter(
    (source) =>
      settings.SOURCES.includes(source) && !(source === 'attempt' && settings.ATTEMPT_SOURCE === 'exam_results'),
  );
  return new Map(
    enabled.map((source) => [settings[topicSetting(source)] ?? defaultSourceTopic(settings, source), source]),
  );
}

export function defaultSourceTopic({ TOPIC_PREFIX }: Settings, source: Source): string {
  return `${TOPIC_PREFIX}.public.${source}`;
}

/** The sources whose activity is tracked; if `ATTEMPT_SOURCE=exam_results`, exam results also contain attempts. */
export function trackedSources(settings: Settings): ReadonlySet<Source> {
  const captured = new Set(sourceTopics(settings).values());
  if (settings.ATTEMPT_SOURCE === 'exam_results' && captured.has('exam_results')) captured.add('attempt');
  return new Set(SOURCES.filter((source) => captured.has(source)));
}

/** The commands that write dead letters. */
export const READERS = ['track', 'recompute'] as const;
export type Reader = (typeof READERS)[number];

/** The topic of a command's dead letters, and the topics their records came from. */
export interface LetterTopic {
  readonly topic: string;
  readonly origins: readonly string[];
}

export function letterTopics(settings: Settings): Readonly<Record<Reader, LetterTopic>> {
  return {
    track: { topic: settings.TRACK_DLQ_TOPIC, origins: [...sourceTopics(settings).keys()] },
    recompute: { topic: settings.RECOMPUTE_DLQ_TOPIC, origins: [settings.INACTIVITY_TOPIC] },
  };
}

/** The topic in which Debezium reports the progress of its snapshots. */
export function notificationTopic(settings: Settings): string {
  return settings.NOTIFICATION_TOPIC ?? `${settings.TOPIC_PREFIX}.notifications`;
}
