import { formatInstant, type Instant } from '../activity/instant.ts';
import { SOURCES } from '../activity/source.ts';
import { describeRange, type OffsetRange } from '../kafka/client/records.ts';
import type { LearnerRow } from '../last-seen/fold.ts';
import {
  closeAppliedLetters,
  type RecordedLetter,
  recordLetters,
  saveLetterWindow,
} from '../last-seen/letters-store.ts';
import type { Queryable } from '../postgres/database.ts';
import { LastseenError } from '../runtime/errors.ts';
import { must } from '../runtime/must.ts';
import { asciiJson } from '../runtime/printable.ts';
import type { Flush } from './collect-pipeline.ts';
import type { RefusedLearner } from './writing-pipeline.ts';

export const TRACK_WINDOW = 'track';

export interface FlushLetters extends Pick<Flush, 'letters' | 'settled'> {
  readonly refused: readonly RefusedLearner[];
  readonly ranges: readonly OffsetRange[];
  readonly maxClockSkewUs: bigint;
  /** Which of the last records became dead letters; undefined if none did. */
  readonly window: Uint8Array | undefined;
}

/** Records what a flush could not apply and closes the letters of what it applied, with the progress past both. */
export async function settleLetters(tx: Queryable, flush: FlushLetters): Promise<void> {
  const { letters, settled, maxClockSkewUs, window } = flush;
  const latestOf = (committedAt: Instant | null) => (committedAt === null ? null : committedAt + maxClockSkewUs);
  const recorded = [
    ...letters.map((letter) => ({ ...letter, latestActivityAt: latestOf(letter.committedAt) })),
    ...refusedLetters(flush, latestOf),
  ];
  await recordLetters(tx, recorded);
  await closeAppliedLetters(tx, settled, 'track');
  if (window !== undefined) await saveLetterWindow(tx, TRACK_WINDOW, window);
}

function refusedLetters(
  { refused, ranges }: FlushLetters,
  latestOf: (committedAt: Instant | null) => Instant | null,
): RecordedLetter[] {
  if (refused.length === 0) return [];
  const { topic, partition, fromOffset } = must(ranges[0], 'learners come from records');
  const offsetRanges = asciiJson(
    ranges.map((range) => ({
      topic: range.topic,
      partition: range.partition,
      from_offset: `${range.fromOffset}`,
      to_offset: `${range.nextOffset}`,
    })),
  );
  return refused.map(({ row, committedAt = null, why }) => ({
    origin: { topic, partition, offset: `${fromOffset}`, timestamp: '-1' },
    reason: 'postgres_refused',
    step: 'write',
    detail: why,
    studentId: row.studentId,
    committedAt,
    latestActivityAt: latestOf(committedAt),
    refused: { row: asciiJson(foldedRow(row)), offsetRanges },
  }));
}

/** The row without its key and its empty sources. */
function foldedRow(row: LearnerRow): Record<string, string | null> {
  const instants = SOURCES.flatMap((source) => {
    const at = row[source];
    return at === null ? [] : [[source, formatInstant(at)] as const];
  });
  return { user_id: row.userId, ...Object.fromEntries(instants) };
}

export function tooManyRefused(
  refused: readonly RefusedLearner[],
  learners: number,
  ranges: readonly OffsetRange[],
): LastseenError {
  return new LastseenError(
    'too_many_dead_letters',
    `Postgres refuses the rows of too many learners: ${refused.length} or more of ${learners} ` +
      `(newest: ${refused.at(-1)?.why}; ${ranges.map(describeRange).join(', ')}); ` +
      'repair the table, or raise DLQ_MAX_SHARE, and start again',
  );
}
