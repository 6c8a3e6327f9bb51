import type { StudentId } from '../activity/activity.ts';
import type { AttemptSource } from '../activity/activity-of.ts';
import { dayNumber, type Instant, MICROS_PER_DAY } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
import type { Database, Queryable } from '../postgres/database.ts';
import { LastseenError } from '../runtime/errors.ts';
import { readSourceDays } from '../source-activity/days-store.ts';
import { mergeByLearner } from '../source-activity/merge-by-learner.ts';
import { type ActivityView, isSilentFrom, type LearnerDays, viewBefore } from './model/history.ts';

/** Which learners, which source tables count, and where attempts come from. */
export interface TrackedSources {
  /** All if undefined. */
  readonly learners?: ReadonlySet<StudentId> | undefined;
  readonly sources: ReadonlySet<Source>;
  readonly attemptSource: AttemptSource;
}

export interface SnapshotDeps extends TrackedSources {
  readonly sourceDatabase: Database;
  readonly isStopping: () => boolean;
  /** @param keyShare how much of the space of keys is read: learners are read in the order of their keys, which are spread evenly */
  readonly onLearner: (keyShare: number) => void;
}

export interface KeyedDays {
  readonly studentId: StudentId;
  readonly days: LearnerDays;
}

/** Which snapshots to take. */
export interface SnapshotPlan {
  /** The start of the first and of the last day that may be an as-of. */
  readonly from: Instant;
  readonly to: Instant;
  readonly horizonDays: number;
}

const EVERY_DAYS = 7;

/** Whole days since 1970: the first as-of, and the last one of which the outcome is known. */
export interface AsOfDays {
  readonly first: number;
  readonly last: number;
  /** Days of as-ofs that are left out, because their outcome is not known. */
  readonly incomplete: number;
}

export function asOfDays({ from, to, horizonDays }: SnapshotPlan, takenAt: Instant): AsOfDays {
  // The day on which the tables are read is not over.
  const lastKnown = dayNumber(takenAt) - horizonDays;
  const last = Math.min(dayNumber(to), lastKnown);
  return { first: dayNumber(from), last, incomplete: dayNumber(to) - last };
}

/** The last instant that an outcome looks at. */
export function endOfOutcomes({ last }: AsOfDays, horizonDays: number): Instant {
  return startOf(last + horizonDays) - 1n;
}

/** @param day whole UTC days since 1970 */
export function startOf(day: number): Instant {
  return BigInt(day) * MICROS_PER_DAY;
}

/** The active days of the learners until an instant, in the order of their keys. */
export async function* readLearnerDays(
  { learners, sources, attemptSource }: TrackedSources,
  snapshot: Queryable,
  until: Instant,
): AsyncGenerator<KeyedDays, void, undefined> {
  const all = [...sources];
  const streams = all.map((source) => readSourceDays(snapshot, source, attemptSource, until));
  for await (const { studentId, rows } of mergeByLearner(streams)) {
    if (learners?.has(studentId) === false) continue;
    const daysOf = (source: Source) => rows[all.indexOf(source)]?.days ?? [];
    const days: LearnerDays = {
      any: [...new Set(rows.flatMap((row) => row?.days ?? []))].sort((a, b) => a - b),
      exams: daysOf('exam_results'),
      practice: daysOf('features_topic_daily'),
      content: daysOf('attempt'),
    };
    yield { studentId, days };
  }
}

/** One learner on one day. */
interface Snapshot {
  /** Whole UTC days since 1970; the as-of is the start of this day. */
  readonly asOf: number;
  readonly view: ActivityView;
  /** The learner was active on none of the days of the horizon. */
  readonly happened: boolean;
}

interface Walk {
  readonly range: AsOfDays;
  readonly horizonDays: number;
  /** The message if the process is shutting down. */
  readonly whenStopped: string;
}

/**
 * Calls `onSnapshot` for each snapshot of the learners, one after the other.
 *
 * @returns the number of learners with at least one
 * @throws LastseenError `too_little_data` if there is no snapshot, `interrupted` at a shutdown.
 */
export async function forEachSnapshot<K extends KeyedDays>(
  { isStopping, onLearner }: SnapshotDeps,
  learners: AsyncIterable<K>,
  { range, horizonDays, whenStopped }: Walk,
  onSnapshot: (snapshot: Snapshot, learner: K) => Promise<void> | void,
): Promise<number> {
  let withSnapshot = 0;
  for await (const learner of learners) {
    if (isStopping()) throw new LastseenError('interrupted', whenStopped);
    let has = false;
    for (const snapshot of snapshotsOf(learner, range, horizonDays)) {
      await onSnapshot(snapshot, learner);
      has = true;
    }
    if (has) withSnapshot++;
    onLearner(keyShare(learner.studentId));
  }
  if (withSnapshot > 0) return withSnapshot;
  throw new LastseenError(
    'too_little_data',
    'too little data: no learner with a known outcome between --from and --to',
  );
}

/** One snapshot per week, from the first activity on. */
function* snapshotsOf(
  { studentId, days }: KeyedDays,
  { first, last }: AsOfDays,
  horizonDays: number,
): Generator<Snapshot, void, undefined> {
  for (let asOf = first + shiftOf(studentId); asOf <= last; asOf += EVERY_DAYS) {
    const view = viewBefore(days, asOf);
    if (view !== undefined) yield { asOf, view, happened: isSilentFrom(days, asOf, horizonDays) };
  }
}

/** The weekday of the snapshots: activity has a weekly rhythm, so they must not all be of one weekday. */
function shiftOf(studentId: StudentId): number {
  return Number.parseInt(studentId.slice(-12, -8), 16) % EVERY_DAYS;
}

/** How much of the space of keys comes before this one. Keys are spread evenly, and are read in their order. */
function keyShare(studentId: StudentId): number {
  return Number.parseInt(studentId.slice(0, 8), 16) / 2 ** 32;
}
