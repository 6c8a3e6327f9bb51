import { formatInstant, type Instant, MICROS_PER_MS } from '../activity/instant.ts';
import { SOURCES } from '../activity/source.ts';
import { readableInstant, table } from '../cli/tables.ts';
import { type Retention, retentionOf } from '../kafka/admin/retention.ts';
import type { TopicSettings } from '../kafka/admin/topic-settings.ts';
import type { LearnerRows } from './erasure-store.ts';

/** A topic that may contain records of the learner; `unknown` is why its settings could not be read. */
export type RetainingTopic =
  | { readonly topic: string; readonly settings: TopicSettings }
  | { readonly topic: string; readonly unknown: string };

export interface ErasureReport {
  readonly rows: LearnerRows;
  readonly dryRun: boolean;
  readonly topics: readonly RetainingTopic[];
  readonly at: Instant;
}

/** Tables of the platform that identify learners. */
const PLATFORM_TABLES = [
  ...SOURCES,
  'weekly_kpi',
  'ability_estimates',
  'interest_goal',
  'student_topic_theta',
  'mirt_ability',
];

const RETURN_NOTE =
  'a learner who is still in the source tables is recorded again with their next activity, a snapshot or a replay; ' +
  'recompute still answers events that were published before';

export function erasurePage({ rows, dryRun, topics, at }: ErasureReport): string {
  const erased = hasNoRows(rows)
    ? 'own tables contain no rows of this learner'
    : table([dryRun ? 'would be erased from' : 'erased from', 'rows'], Object.entries(rows));
  const topicRows = topics.map((each) => [
    each.topic,
    ...('unknown' in each ? [each.unknown, 'unknown'] : retentionCells(each, at)),
  ]);
  return [
    erased,
    table(['may contain records of the learner', 'kept', 'deleted at the latest'], topicRows),
    `lastseen does not erase from the platform's tables: ${PLATFORM_TABLES.join(', ')}.`,
    `Note: ${RETURN_NOTE}.`,
  ].join('\n\n');
}

export function erasureJson({ rows, dryRun, topics, at }: ErasureReport) {
  return {
    found: !hasNoRows(rows),
    dryRun,
    rows,
    topics: topics.map((each) => ({
      topic: each.topic,
      ...('unknown' in each
        ? { unknown: each.unknown }
        : {
            cleanupPolicy: each.settings.config.get('cleanup.policy') ?? null,
            retentionMs: each.settings.config.get('retention.ms') ?? null,
            goneBy: goneBy(retentionOf(each.settings.config), at),
          }),
    })),
    notOurs: PLATFORM_TABLES,
    note: RETURN_NOTE,
  };
}

function hasNoRows(rows: LearnerRows): boolean {
  return Object.values(rows).every((count) => count === 0);
}

/** When retention has deleted all records that exist at the instant; null if retention is not limited by time. */
function goneBy(retention: Retention, at: Instant): string | null {
  return retention.kind === 'time' ? formatInstant(at + BigInt(Math.round(retention.atMostMs)) * MICROS_PER_MS) : null;
}

const DAY_MS = 86_400_000;

function retentionCells(
  { settings: { config } }: Extract<RetainingTopic, { settings: unknown }>,
  at: Instant,
): [string, string] {
  const retention = retentionOf(config);
  const days = (ms: number) => `${Number((ms / DAY_MS).toFixed(1))} days`;
  switch (retention.kind) {
    case 'time':
      return [
        `${days(Number(config.get('retention.ms')))}, in segments of at most ${days(Number(config.get('segment.ms')))}`,
        readableInstant(at + BigInt(Math.round(retention.atMostMs)) * MICROS_PER_MS),
      ];
    case 'forever':
      return ['for ever (retention.ms is -1)', 'never; kafka-delete-records deletes up to an offset'];
    case 'compacted':
      return ['the newest record of each key', 'never; a tombstone of the key deletes it'];
  }
}
