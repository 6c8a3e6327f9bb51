import { createHash } from 'node:crypto';
import type { Instant } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
import type { Settings } from '../config/settings.ts';
import { sourceTopics } from '../config/topic-names.ts';
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

/** What a replay is to read, and what for. */
export interface ReplayPlan {
  readonly topics: ReadonlyMap<string, Source>;
  readonly from: Instant | 'earliest';
  readonly to: Instant | undefined;
  /** Build the table anew and correct it, instead of raising it. */
  readonly rebuild: boolean;
  /** Have the rows of the source tables written to the topics once more, and read these. */
  readonly snapshot: boolean;
  /** Tell returns, instead of leaving them to the next sweep. */
  readonly emit: boolean;
  /** Begin anew what was interrupted. */
  readonly restart: boolean;
}

/** @throws LastseenError `usage`. */
export function replayPlan(settings: Settings, flags: ReplayFlags): ReplayPlan {
  const { rebuild = false, snapshot = false, emit = false, restart = false, from, to } = flags;
  if (rebuild && (to !== undefined || flags.topic !== undefined || (from ?? 'earliest') !== 'earliest')) {
    throw usageError(
      '--rebuild reads everything there is: it goes with --from earliest, and neither with --to nor --topic',
    );
  }
  if (snapshot && !rebuild && (from ?? to) !== undefined) {
    throw usageError('--snapshot reads what the snapshot writes: it goes with neither --from nor --to');
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
  const strangers = chosen.filter((name) => ![...all].some((entry) => entry.includes(name)));
  if (strangers.length > 0) {
    throw usageError(`--topic ${strangers.join(', ')}: none of ${[...all.values()].join(', ')}, nor the topic of one`);
  }
  return new Map([...all].filter((entry) => entry.some((name) => chosen.includes(name))));
}

/** The name under which an interrupted replay is found again: of the same topics, instants and purpose. */
export function replayIdOf({ topics, from, to, rebuild, snapshot }: ReplayPlan): string {
  const says = [rebuild, snapshot, String(from), String(to), ...[...topics.keys()].sort()];
  return createHash('sha256').update(JSON.stringify(says)).digest('hex').slice(0, 12);
}
