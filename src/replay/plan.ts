import { createHash } from 'node:crypto';
import type { Instant } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
import { sourceTopics } from '../config/kafka-names.ts';
import type { Settings } from '../config/settings.ts';
import type { StableBounds } from '../kafka/admin/offsets.ts';
import type { Position } from '../kafka/client/records.ts';
import { type OffsetRange, rangesBetween } from '../kafka/consumer/offset-ranges.ts';
import { usageError } from '../runtime/errors.ts';

export interface ReplayFlags {
  readonly from?: Instant | 'earliest';
  readonly to?: Instant;
  readonly topic?: readonly string[];
  readonly rebuild?: true;
  readonly snapshot?: true;
  readonly emit?: true;
  readonly restart?: true;
}

export interface ReplayPlan {
  readonly topics: ReadonlyMap<string, Source>;
  readonly from: Instant | 'earliest';
  readonly to: Instant | undefined;
  /** Fill a shadow and correct the table from it, which also lowers instants, instead of only raising them. */
  readonly rebuild: boolean;
  /** Request an incremental snapshot of the source tables, and read it. */
  readonly snapshot: boolean;
  /** Emit returns, instead of leaving them to the next sweep. */
  readonly emit: boolean;
  /** Start again instead of resuming. */
  readonly restart: boolean;
}

/** @throws LastseenError `usage`. */
export function replayPlan(settings: Settings, flags: ReplayFlags): ReplayPlan {
  const { rebuild = false, snapshot = false, emit = false, restart = false, from, to } = flags;
  if (rebuild && (to !== undefined || flags.topic !== undefined || (from ?? 'earliest') !== 'earliest')) {
    throw usageError(
      '--rebuild reads all records of all topics; remove --to and --topic, and any --from other than earliest',
    );
  }
  if (snapshot && !rebuild && (from ?? to) !== undefined) {
    throw usageError('--snapshot reads the records of the snapshot; remove --from and --to');
  }
  if (!rebuild && !snapshot && from === undefined) {
    throw usageError('--from is missing: an instant such as 2026-03-16T05:00:00Z, or earliest');
  }
  if (to !== undefined && from !== undefined && from !== 'earliest' && to <= from) {
    throw usageError('--to must be after --from');
  }
  return {
    topics: chosenTopics(settings, flags.topic),
    from: from ?? 'earliest',
    to,
    rebuild,
    snapshot,
    emit,
    restart,
  };
}

function chosenTopics(settings: Settings, chosen: readonly string[] | undefined): ReadonlyMap<string, Source> {
  const all = sourceTopics(settings);
  if (chosen === undefined) return all;
  const unknown = chosen.filter((name) => ![...all].some((entry) => entry.includes(name)));
  if (unknown.length > 0) {
    throw usageError(
      `--topic ${unknown.join(', ')}: must be one of ${[...all.values()].join(', ')}, or the topic of one`,
    );
  }
  return new Map([...all].filter((entry) => entry.some((name) => chosen.includes(name))));
}

/**
 * The offsets to read: all records that exist for a rebuild, new ones for a snapshot, else those between two positions.
 *
 * @param starts undefined: from the first record.
 * @param ends undefined: to the current last record.
 */
export function plannedRanges(
  { rebuild, snapshot }: ReplayPlan,
  bounds: readonly StableBounds[],
  starts: readonly Position[] | undefined,
  ends: readonly Position[] | undefined,
): OffsetRange[] {
  if (rebuild) return bounds.map(({ topic, partition, firstOffset }) => ({ topic, partition, firstOffset }));
  if (snapshot) return bounds.map(({ topic, partition, endOffset }) => ({ topic, partition, firstOffset: endOffset }));
  return rangesBetween(bounds, starts, ends);
}

/** Identifies an interrupted replay by its topics, instants and purpose, so that the same command resumes it. */
export function replayIdOf({ topics, from, to, rebuild, snapshot }: ReplayPlan): string {
  const identity = [rebuild, snapshot, String(from), String(to), ...[...topics.keys()].sort()];
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 12);
}
