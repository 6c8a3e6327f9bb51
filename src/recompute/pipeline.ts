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
 * `whole`: all six figures were computed, since there was no row to refresh. `nothing`: none of the figures could be
 * computed. `pNull` and `sNull` count that figure alone, whatever the others are. `skippedAnswers`: elements of
 * `questions` that are no answer.
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
  /** Decodes a value in the registry's wire format; throws a retriable error while the registry is away. */
  readonly decode: (value: Buffer) => InactivityEvent | Promise<InactivityEvent>;
  /** Where records go that are no inactivity event. */
  readonly deadLetters: DeadLetterSink;
  /** Where the event of a learner goes whose figures could not be computed or written: a later try, or a dead letter. */
  readonly failedLearners: DeadLetterSink;
  readonly deadLetterLimit: DeadLetterLimit;
  /** Records of this topic have failed before. */
  readonly retryTopic?: string;
  /** Learners a transaction; 1,000 unless told. */
  readonly sliceSize?: number;
  /** Called for each learner whose figures are new in `weekly_kpi`, or stand there already. */
  readonly onFigures?: (figures: Figures) => void;
  /** Called after each accumulation is applied. */
  readonly onApplied?: (counts: RecomputeCounts) => void;
}

/** The newest event of a learner, and the record it came in. */
interface Pending extends RefreshRequest {
  readonly topic: string;
  readonly partition: number;
  readonly record: RawRecord;
}

/** What events are collected into between two writes. */
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
 * Inactivity events become fresh P and S in `weekly_kpi`: decode, fold to the newest event a learner, then slice by
 * slice load the inputs, compute, and write with the ledger in one transaction. Everything may be done twice: an event
 * that was answered is known by its id.
 */
export function createRecompute(deps: RecomputeDeps): Stages<Round> {
  return {
    open: () => ({ events: 0, newest: new Map(), letters: [], lettersSent: false, failuresCounted: new Set() }),

    async collect(batch, round) {
      // All are decoded before any is kept: after an outage in the middle the batch is collected again from its start.
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
  const wrong = whatIsWrong(event);
  if (wrong !== undefined) return letter('bad_event', wrong);
  const { event_id, student_id, user_id, as_of } = event;
  return { topic, partition, record, causeEventId: event_id, studentId: student_id, userId: user_id, asOf: as_of };
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const YEAR_2000: Instant = 10_957n * MICROS_PER_DAY;
const YEAR_3000: Instant = 376_200n * MICROS_PER_DAY;

/** The schema promises text and numbers; these are the promises it cannot make. */
function whatIsWrong(event: InactivityEvent): string | undefined {
  if (!UUID.test(event.event_id)) return 'event_id is no UUID';
  if (!UUID.test(event.student_id)) return 'student_id is no UUID';
  if (event.user_id === '' || event.user_id.includes('\0')) return 'user_id is empty or has a NUL byte';
  if (event.as_of < YEAR_2000 || event.as_of >= YEAR_3000) return 'as_of lies outside of the years 2000 to 2999';
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
  // Of equal as-ofs the later one: a learner's events are on one partition, in order. A retry was read before.
  if (before === undefined || before.asOf < decoded.asOf || (before.asOf === decoded.asOf && !isRetry)) {
    round.newest.set(decoded.studentId, decoded);
  }
}

/** An event counts when it is read from its first topic; what becomes of its later tries says nothing new. */
function watchLimit({ deadLetterLimit, retryTopic }: RecomputeDeps, letter: DeadLetter): void {
  if (letter.topic === retryTopic || !deadLetterLimit.exceededAfter(true)) return;
  throw new LastseenError(
    'too_many_dead_letters',
    `too many of the last 1,000 events cannot be answered (newest: ${letter.reason} at ${letter.step}, ` +
      `${letter.detail}); mend what causes it or raise DLQ_MAX_SHARE, and start again`,
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
 * Two slices at a time, which have no learner in common: while Postgres works for one, this process does for the other.
 * After a failure no further slice is begun; it is thrown once none is in work.
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
