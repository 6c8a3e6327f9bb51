import type { StudentId } from '../activity/activity.ts';
import { type Instant, MICROS_PER_DAY } from '../activity/instant.ts';
import type { DeadLetterLimit, FailedRecord, FailedRecordSink } from '../dead-letters/dead-letter.ts';
import type { InactivityEvent } from '../events/inactivity-event.ts';
import type { Computed } from '../events/kpi-updated-event.ts';
import type { RawBatch, RawRecord } from '../kafka/client/records.ts';
import type { Stages } from '../kafka/consumer/stages.ts';
import { FIGURES, type Figures } from '../kpi/figures/figure.ts';
import { figures, hasNumber, type LearnerFigures } from '../kpi/figures/figures.ts';
import { type FigureDeps, loadFigureInputs } from '../kpi/inputs/pipeline.ts';
import { learnerFault } from '../kpi/learner-fault.ts';
import { type WriteOutcome, writeWeeklyFigures } from '../kpi/weekly/figures-store.ts';
import { existingRows, weekOf } from '../kpi/weekly/rows-store.ts';
import type { Database } from '../postgres/database.ts';
import { isRetriable, LastseenError, safeMessage } from '../runtime/errors.ts';
import { must } from '../runtime/must.ts';
import { isolateFailures } from '../runtime/retries.ts';
import { settleAll } from '../runtime/waiting.ts';
import { type ReplicaGoal, type ReplicaWait, replicaGoal, waitForReplica } from './replica-pipeline.ts';

/**
 * `whole`: all six figures were computed, because there was no row to refresh. `nothing`: none of the figures could be
 * computed, so nothing was written. `unknown`: no source table has the learner, so no row was created. `pNull` and
 * `sNull`: that figure could not be computed. `skippedAnswers`: malformed elements of `questions`. The others are outcomes
 * of writing.
 */
const COUNTS = [
  'events',
  'learners',
  'updated',
  'unchanged',
  'created',
  'outdated',
  'redelivered',
  'whole',
  'nothing',
  'unknown',
  'pNull',
  'sNull',
  'skippedAnswers',
  'undecodable',
  'failed',
] as const;

export type RecomputeCounts = Record<(typeof COUNTS)[number], number>;

export interface RecomputeDeps extends FigureDeps {
  readonly database: Database;
  /** Decodes a value in the registry's wire format; throws a retriable error while the registry is unavailable. */
  readonly decode: (value: Buffer) => InactivityEvent | Promise<InactivityEvent>;
  /** Receives records that are not inactivity events. */
  readonly deadLetters: FailedRecordSink;
  /** Receives events whose figures could not be computed or written: to be retried, or to become dead letters. */
  readonly failedLearners: FailedRecordSink;
  readonly deadLetterLimit: DeadLetterLimit;
  /** If the source tables are read from a replica: events wait until it has replayed what the primary had committed. */
  readonly replica?: ReplicaWait | undefined;
  /** The topic of events that failed before. */
  readonly retryTopic?: string;
  /** Learners per transaction; 1,000 by default. */
  readonly sliceSize?: number;
  /** Called for each learner whose figures were written to `weekly_kpi` or are there already. */
  readonly onFigures?: (figures: Figures) => void;
  /** Called after each round is applied. */
  readonly onApplied?: (counts: RecomputeCounts) => void;
}

/** An inactivity event of one learner. */
export interface LearnerEvent {
  readonly eventId: string;
  readonly userId: string;
  readonly studentId: StudentId;
  readonly asOf: Instant;
}

/** The newest event of a learner, and its record. */
interface Pending extends LearnerEvent {
  readonly topic: string;
  readonly partition: number;
  readonly record: RawRecord;
}

/** The events collected between two writes. */
interface Round {
  events: number;
  readonly newest: Map<string, Pending>;
  readonly letters: FailedRecord[];
  /** Set once the broker has acknowledged the letters, so that a repeated apply does not send them again. */
  lettersSent: boolean;
  /** Learners whose failure the limit has counted, so that a repeated apply does not count it again. */
  readonly failuresCounted: Set<string>;
  /** Read once, so that a repeated apply waits for the same position until the same deadline. */
  replicaGoal?: ReplicaGoal;
}

/**
 * Turns inactivity events into fresh P and S in `weekly_kpi`: decodes, keeps the newest event per learner, then slice by
 * slice loads the inputs, computes, and writes figures and ledger in one transaction. Everything may be repeated: the
 * ledger has the ids of answered events.
 */
export function createRecompute(deps: RecomputeDeps): Stages<Round> {
  return {
    open: () => ({ events: 0, newest: new Map(), letters: [], lettersSent: false, failuresCounted: new Set() }),

    async collect(batch, round) {
      // All records are decoded before any is kept, because after an outage the batch is collected again from its start.
      const decoded: (Pending | FailedRecord)[] = [];
      for (const record of batch.records) decoded.push(await decodeRecord(deps, batch, record));
      for (const each of decoded) keep(deps, round, each);
    },

    async apply(round) {
      if (!round.lettersSent) {
        await deps.deadLetters.send(round.letters);
        round.lettersSent = true;
      }
      const counts = Object.fromEntries(COUNTS.map((name) => [name, 0])) as RecomputeCounts;
      counts.events = round.events;
      counts.learners = round.newest.size;
      counts.undecodable = round.letters.length;
      const failed: FailedRecord[] = [];
      const pending = [...round.newest.values()];
      const isBehind = pending.length > 0 && deps.replica !== undefined && !(await replicaShows(deps.replica, round));
      if (isBehind) failed.push(...pending.map(behindReplica));
      else
        await inLanes(slicesOf(pending, deps.sliceSize ?? 1_000), (slice) =>
          isolateFailures(
            slice,
            async (some) => count(deps, await answerEvents(deps, some), counts),
            learnerFault,
            ({ topic, partition, record, studentId }, detail) => {
              const letter = { topic, partition, record, reason: 'recompute_failed', step: 'recompute', detail };
              failed.push(letter);
              if (round.failuresCounted.has(studentId)) return;
              round.failuresCounted.add(studentId);
              watchLimit(deps, letter);
            },
          ),
        );
      await deps.failedLearners.send(failed);
      counts.failed = failed.length;
      deps.onApplied?.(counts);
    },

    size: (round) => round.newest.size + round.letters.length,
  };
}

async function replicaShows(replica: ReplicaWait, round: Round): Promise<boolean> {
  round.replicaGoal ??= await replicaGoal(replica);
  return waitForReplica(replica, round.replicaGoal);
}

function behindReplica({ topic, partition, record }: Pending): FailedRecord {
  const detail = 'the replica of the source tables did not replay the log of the primary in time';
  return { topic, partition, record, reason: 'replica_behind', step: 'recompute', detail };
}

async function decodeRecord(deps: RecomputeDeps, batch: RawBatch, record: RawRecord): Promise<Pending | FailedRecord> {
  const { topic, partition } = batch;
  const letter = (reason: string, detail: string) => ({ topic, partition, record, reason, step: 'decode', detail });
  if (record.value === null) return letter('not_decodable', 'the record has no value');
  let event: InactivityEvent;
  try {
    event = await deps.decode(record.value);
  } catch (error) {
    if (isRetriable(error)) throw error;
    return letter('not_decodable', safeMessage(error));
  }
  const defect = eventDefect(event);
  if (defect !== undefined) return letter('bad_event', defect);
  const { event_id, student_id, user_id, as_of } = event;
  return { topic, partition, record, eventId: event_id, studentId: student_id, userId: user_id, asOf: as_of };
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const YEAR_2000: Instant = 10_957n * MICROS_PER_DAY;
const YEAR_3000: Instant = 376_200n * MICROS_PER_DAY;

/** Checks what the schema cannot express. */
function eventDefect(event: InactivityEvent): string | undefined {
  if (!UUID.test(event.event_id)) return 'event_id is not a UUID';
  if (!UUID.test(event.student_id)) return 'student_id is not a UUID';
  if (event.user_id === '' || event.user_id.includes('\0')) return 'user_id is empty or contains a NUL byte';
  if (event.as_of < YEAR_2000 || event.as_of >= YEAR_3000) return 'as_of is outside the years 2000 to 2999';
  return undefined;
}

function keep(deps: RecomputeDeps, round: Round, decoded: Pending | FailedRecord): void {
  round.events += 1;
  if ('reason' in decoded) {
    round.letters.push(decoded);
    watchLimit(deps, decoded);
    return;
  }
  const isRetry = decoded.topic === deps.retryTopic;
  if (!isRetry) deps.deadLetterLimit.exceededAfter(false);
  const before = round.newest.get(decoded.studentId);
  // Among equal as-ofs the later event wins: a learner's events are on one partition, in order. A retry is an older one.
  if (before === undefined || before.asOf < decoded.asOf || (before.asOf === decoded.asOf && !isRetry)) {
    round.newest.set(decoded.studentId, decoded);
  }
}

/** Each event counts once, when it is read from its first topic; retries do not count. */
function watchLimit({ deadLetterLimit, retryTopic }: RecomputeDeps, letter: FailedRecord): void {
  if (letter.topic === retryTopic || !deadLetterLimit.exceededAfter(true)) return;
  throw new LastseenError(
    'too_many_dead_letters',
    `too many of the last 1,000 events cannot be answered (newest: ${letter.reason} at ${letter.step}, ` +
      `${letter.detail}); fix the cause or raise DLQ_MAX_SHARE, and start again`,
  );
}

/** In an existing weekly row P and S are refreshed. */
const REFRESH = { row: 'existing', wanted: ['P', 'S'], computed: 'P_AND_S' } as const;
/** If the row is missing, or not an object, all six figures are computed as the platform's weekly job does. */
const WHOLE_ROW = { row: 'whole', wanted: FIGURES, computed: 'ALL' } as const;

interface Answer extends LearnerFigures {
  readonly computed: Computed;
  readonly outcome: WriteOutcome | 'nothing' | 'unknown';
}

/** Loads, computes and writes the figures of learners, each given once, in one transaction. In the order of `events`. */
export async function answerEvents(
  deps: FigureDeps & { readonly database: Database },
  events: readonly LearnerEvent[],
): Promise<readonly Answer[]> {
  const weeks = events.map((event) => ({ ...event, weekStart: weekOf(event.asOf) }));
  const existing = await existingRows(deps.database, weeks);
  const requests = weeks.map((week) => ({
    ...week,
    hasRow: existing.has(week),
    ...(existing.get(week)?.isObject === true ? REFRESH : WHOLE_ROW),
  }));
  const inputs = await loadFigureInputs(deps, requests);
  const answers = requests.map((request) => {
    const loaded = must(inputs.get(request), 'inputs are loaded for every request');
    const result = figures(loaded, deps.options);
    const { eventId, computed, hasRow } = request;
    const skipped = !hasNumber(result.figures) ? 'nothing' : loaded.isKnown || hasRow ? undefined : 'unknown';
    return { ...request, ...result, skipped, cause: { eventId, computed, pInterval: result.pInterval } } as const;
  });
  const outcomes = await writeWeeklyFigures(
    deps.database,
    answers.filter(({ skipped }) => skipped === undefined),
  );
  return answers.map((answer) => ({
    ...answer,
    outcome: answer.skipped ?? must(outcomes.get(answer), 'every written learner has an outcome'),
  }));
}

function count(deps: RecomputeDeps, answers: readonly Answer[], counts: RecomputeCounts): void {
  for (const { outcome, computed, figures: written, skippedAnswers } of answers) {
    counts[outcome] += 1;
    if (computed === 'ALL') counts.whole += 1;
    if (written.P === null) counts.pNull += 1;
    if (written.S === null) counts.sNull += 1;
    counts.skippedAnswers += skippedAnswers;
    if (outcome === 'updated' || outcome === 'created' || outcome === 'unchanged') deps.onFigures?.(written);
  }
}

const LANES = 2;

/**
 * Works on two slices at a time, which share no learner: Postgres works for one while this process computes the other.
 * A failure closes the generator, so that no further slice is started; it is thrown once both lanes have stopped.
 */
async function inLanes<T>(slices: Generator<T>, work: (slice: T) => Promise<void>): Promise<void> {
  const lane = async () => {
    for (const slice of slices) await work(slice);
  };
  await settleAll(Array.from({ length: LANES }, lane));
}

function* slicesOf<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size);
}
