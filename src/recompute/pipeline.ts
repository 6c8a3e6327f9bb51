import { type Instant, MICROS_PER_DAY } from '../activity/instant.ts';
import type { DeadLetter, DeadLetterLimit, DeadLetterSink } from '../dead-letters/dead-letter.ts';
import type { InactivityEvent } from '../events/inactivity-event.ts';
import type { RawBatch, RawRecord } from '../kafka/client/records.ts';
import type { Stages } from '../kafka/consumer/stages.ts';
import type { Figures } from '../kpi/figures/figure-names.ts';
import { learnerFault } from '../kpi/learner-fault.ts';
import type { WriteOutcome } from '../kpi/weekly/figures-store.ts';
import { isRetriable, LastseenError, safeMessage } from '../runtime/errors.ts';
import { isolateFailures } from '../runtime/retries.ts';
import { settleAll } from '../runtime/waiting.ts';
import { type RefreshDeps, type RefreshRequest, refreshFigures } from './refresh-pipeline.ts';

/**
 * `whole`: all six figures were computed, because there was no row to refresh. `nothing`: none of the figures could be
 * computed. `pNull` and `sNull`: that figure could not be computed. `skippedAnswers`: malformed elements of `questions`.
 */
export type RecomputeCounts = Record<
  | 'events'
  | 'learners'
  | WriteOutcome
  | 'whole'
  | 'nothing'
  | 'pNull'
  | 'sNull'
  | 'skippedAnswers'
  | 'undecodable'
  | 'failed',
  number
>;

export interface RecomputeDeps extends RefreshDeps {
  /** Decodes a value in the registry's wire format; throws a retriable error while the registry is unavailable. */
  readonly decode: (value: Buffer) => InactivityEvent | Promise<InactivityEvent>;
  /** Receives records that are not inactivity events. */
  readonly deadLetters: DeadLetterSink;
  /** Receives events whose figures could not be computed or written: retries them or makes them dead letters. */
  readonly failedLearners: DeadLetterSink;
  readonly deadLetterLimit: DeadLetterLimit;
  /** The topic of events that failed before. */
  readonly retryTopic?: string;
  /** Learners per transaction; 1,000 by default. */
  readonly sliceSize?: number;
  /** Called for each learner whose figures were written to `weekly_kpi` or are there already. */
  readonly onFigures?: (figures: Figures) => void;
  /** Called after each round is applied. */
  readonly onApplied?: (counts: RecomputeCounts) => void;
}

/** The newest event of a learner, and its record. */
interface Pending extends RefreshRequest {
  readonly topic: string;
  readonly partition: number;
  readonly record: RawRecord;
}

/** The events collected between two writes. */
interface Round {
  events: number;
  readonly newest: Map<string, Pending>;
  readonly letters: DeadLetter[];
  /** Set once the broker has acknowledged the letters, so that a repeated apply does not send them again. */
  lettersSent: boolean;
  /** Learners whose failure the limit has counted, so that a repeated apply does not count it again. */
  readonly failuresCounted: Set<string>;
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
      const decoded: (Pending | DeadLetter)[] = [];
      for (const record of batch.records) decoded.push(await decodeRecord(deps, batch, record));
      for (const each of decoded) keep(deps, round, each);
    },

    async apply(round) {
      if (!round.lettersSent) {
        await deps.deadLetters.send(round.letters);
        round.lettersSent = true;
      }
      const counts = emptyCounts(round);
      const failed: (Pending & { readonly detail: string })[] = [];
      await inLanes(slicesOf([...round.newest.values()], deps.sliceSize ?? 1_000), (slice) =>
        isolateFailures(
          slice,
          (requests) => refresh(deps, requests, counts),
          learnerFault,
          (request, detail) => failed.push({ ...request, detail }),
        ),
      );
      const letters = failed.map(({ topic, partition, record, detail, studentId }) => {
        const letter = { topic, partition, record, reason: 'recompute_failed', step: 'recompute', detail };
        if (!round.failuresCounted.has(studentId)) watchLimit(deps, letter);
        round.failuresCounted.add(studentId);
        return letter;
      });
      await deps.failedLearners.send(letters);
      counts.failed = failed.length;
      deps.onApplied?.(counts);
    },

    size: (round) => round.newest.size + round.letters.length,
  };
}

async function decodeRecord(deps: RecomputeDeps, batch: RawBatch, record: RawRecord): Promise<Pending | DeadLetter> {
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
  return { topic, partition, record, causeEventId: event_id, studentId: student_id, userId: user_id, asOf: as_of };
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

function keep(deps: RecomputeDeps, round: Round, decoded: Pending | DeadLetter): void {
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
function watchLimit({ deadLetterLimit, retryTopic }: RecomputeDeps, letter: DeadLetter): void {
  if (letter.topic === retryTopic || !deadLetterLimit.exceededAfter(true)) return;
  throw new LastseenError(
    'too_many_dead_letters',
    `too many of the last 1,000 events cannot be answered (newest: ${letter.reason} at ${letter.step}, ` +
      `${letter.detail}); fix the cause or raise DLQ_MAX_SHARE, and start again`,
  );
}

async function refresh(deps: RecomputeDeps, requests: readonly Pending[], counts: RecomputeCounts): Promise<void> {
  for (const { computed, figures, outcome, skippedAnswers } of await refreshFigures(deps, requests)) {
    counts[outcome] += 1;
    if (computed === 'ALL') counts.whole += 1;
    if (figures.P === null) counts.pNull += 1;
    if (figures.S === null) counts.sNull += 1;
    counts.skippedAnswers += skippedAnswers;
    if (outcome === 'updated' || outcome === 'created' || outcome === 'unchanged') deps.onFigures?.(figures);
  }
}

const LANES = 2;

/**
 * Works on two slices at a time, which share no learner: Postgres works for one while this process computes the other.
 * After a failure no further slice is started, and the error is thrown once both lanes have stopped.
 */
async function inLanes<T>(slices: readonly T[], work: (slice: T) => Promise<void>): Promise<void> {
  const waiting = [...slices];
  const lane = async () => {
    try {
      for (let slice = waiting.shift(); slice !== undefined; slice = waiting.shift()) await work(slice);
    } catch (error) {
      waiting.length = 0;
      throw error;
    }
  };
  await settleAll(Array.from({ length: LANES }, lane));
}

function slicesOf<T>(items: readonly T[], size: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

function emptyCounts(round: Round): RecomputeCounts {
  return {
    events: round.events,
    learners: round.newest.size,
    updated: 0,
    unchanged: 0,
    created: 0,
    outdated: 0,
    redelivered: 0,
    whole: 0,
    nothing: 0,
    pNull: 0,
    sNull: 0,
    skippedAnswers: 0,
    undecodable: round.letters.length,
    failed: 0,
  };
}
