import { formatInstant, type Instant } from '../activity/instant.ts';
import { SOURCES } from '../activity/source.ts';
import { forPeople } from '../cli/dates.ts';
import { table } from '../cli/tables.ts';
import { type Retention, retentionOf } from '../kafka/admin/retention.ts';
import type { TopicSettings } from '../kafka/admin/topic-settings.ts';
import type { LearnerRows } from './erasure-store.ts';

/** A topic that may hold records of the learner. */
export type Remains =
  | { readonly topic: string; readonly settings: TopicSettings }
  | { readonly topic: string; readonly unknown: string };

export interface Erasure {
  readonly rows: LearnerRows;
  readonly dryRun: boolean;
  readonly remains: readonly Remains[];
  readonly at: Instant;
}

/** The platform's, where learners are named. */
const PLATFORM_TABLES = [
  ...SOURCES,
  'weekly_kpi',
  'ability_estimates',
  'interest_goal',
  'student_topic_theta',
  'mirt_ability',
];

const COMES_BACK =
  'a learner who is still in the source tables comes back with their next activity, a snapshot or a second reading of ' +
  'the topics; an event that recompute has not answered yet is answered';

/** For people. */
export function erasurePage({ rows, dryRun, remains, at }: Erasure): string {
  const erased = isNowhere(rows)
    ? 'nothing is known of this learner in own tables'
    : table([dryRun ? 'would be erased from' : 'erased from', 'rows'], Object.entries(rows));
  const topics = remains.map((each) => [
    each.topic,
    ...('unknown' in each ? [each.unknown, 'unknown'] : kept(each, at)),
  ]);
  return [
    erased,
    table(['may hold records of the learner', 'kept', 'gone at the latest'], topics),
    `The platform's own tables are not ours to erase: ${PLATFORM_TABLES.join(', ')}.`,
    `Mind: ${COMES_BACK}.`,
  ].join('\n\n');
}

export function erasureJson({ rows, dryRun, remains, at }: Erasure) {
  return {
    found: !isNowhere(rows),
    dry_run: dryRun,
    rows,
    topics: remains.map((each) => ({
      topic: each.topic,
      ...('unknown' in each
        ? { unknown: each.unknown }
        : {
            cleanup_policy: each.settings.config.get('cleanup.policy') ?? null,
            retention_ms: each.settings.config.get('retention.ms') ?? null,
            gone_by: goneBy(retentionOf(each.settings.config), at),
          }),
    })),
    not_ours: PLATFORM_TABLES,
    note: COMES_BACK,
  };
}

function isNowhere(rows: LearnerRows): boolean {
  return Object.values(rows).every((count) => count === 0);
}

/** What was written until now. */
function goneBy(retention: Retention, at: Instant): string | null {
  return retention.kind === 'time' ? formatInstant(at + BigInt(Math.round(retention.atMostMs)) * 1000n) : null;
}

const DAY_MS = 86_400_000;

function kept({ settings: { config } }: Extract<Remains, { settings: unknown }>, at: Instant): [string, string] {
  const retention = retentionOf(config);
  const days = (ms: number) => `${Number((ms / DAY_MS).toFixed(1))} days`;
  switch (retention.kind) {
    case 'time': {
      const by = forPeople(at + BigInt(Math.round(retention.atMostMs)) * 1000n);
      return [
        `${days(Number(config.get('retention.ms')))}, in segments of at most ${days(Number(config.get('segment.ms')))}`,
        by,
      ];
    }
    case 'forever':
      return ['for ever (retention.ms is -1)', 'never by itself: kafka-delete-records deletes up to an offset'];
    case 'compacted':
      return ['the newest record of each key', 'never by itself: a tombstone of the key deletes it'];
  }
}
