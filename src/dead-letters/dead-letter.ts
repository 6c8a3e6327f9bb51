import type { EventProducer } from '../kafka/client/producer.ts';
import type { OutgoingRecord, RawRecord } from '../kafka/client/records.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { Logger } from '../runtime/logging.ts';
import { type Origin, originHeaders, resolveOrigin } from './origin.ts';

/** A record that could not be applied, with its position and the reason: to be retried, or a dead letter. */
export interface FailedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly record: RawRecord;
  readonly reason: string;
  readonly step: string;
  /** One line for the operator, without row data. */
  readonly detail: string;
}

export interface FailedRecordSink {
  /** Resolves when the broker has acknowledged all records. Their source offsets must not be committed before. */
  send(letters: readonly FailedRecord[]): Promise<void>;
}

export function createDeadLetterSink(producer: Pick<EventProducer, 'send'>, topic: string): FailedRecordSink {
  return { send: (letters) => producer.send(topic, letters.map(failureRecord)) };
}

/** Characters. The topic of dead letters accepts records that are only a little larger than the originals. */
const MAX_DETAIL_LENGTH = 2_000;

/**
 * The failed record with its key, value and headers unchanged, and with headers for its origin and why it failed. The value
 * of a tombstone stays null.
 */
export function failureRecord({ topic, partition, record, reason, step, detail }: FailedRecord): OutgoingRecord {
  const headers = {
    ...originHeaders(topic, partition, record),
    'lastseen.reason': reason,
    'lastseen.step': step,
    'lastseen.detail': detail.slice(0, MAX_DETAIL_LENGTH),
  };
  return { key: record.key, value: record.value, headers };
}

export interface DeadLetterLimit {
  /** Counts one record. Returns true if the limit is exceeded and the consumer must stop. */
  exceededAfter(isDeadLetter: boolean): boolean;
}

/** A limit that can be checked before letters are counted, and that survives a restart. */
export interface DeadLetterWindow extends DeadLetterLimit {
  /** Whether it would be exceeded by dead letters among this many more records. Counts nothing. */
  wouldExceed(letters: number, records: number): boolean;
  /** Counts dead letters among this many records that were counted before. */
  add(letters: number, records: number): void;
  /** One byte per record, the oldest first; undefined if no record became a dead letter, as in the last snapshot. */
  snapshot(): Uint8Array | undefined;
  /** Continues from a snapshot. */
  restore(snapshot: Uint8Array): void;
}

/**
 * The limit is exceeded by at least 50 dead letters that are more than `maxShare` of the last 1,000 records. That many
 * indicate a bad deploy: continuing would move the whole topic into the dead letters.
 */
export function createDeadLetterWindow(maxShare: number, window = 1_000, minLetters = 50): DeadLetterWindow {
  const recent = new Uint8Array(window);
  let next = 0;
  let letters = 0;
  let isChanged = false;
  const isExceededBy = (sum: number) => sum >= minLetters && sum > maxShare * window;
  const count = (isDeadLetter: boolean) => {
    letters += (isDeadLetter ? 1 : 0) - (recent[next] ?? 0);
    recent[next] = isDeadLetter ? 1 : 0;
    next = (next + 1) % window;
  };
  /** Of more records than the window holds, the same share of the window. */
  const scaled = (some: number, records: number) => Math.ceil(some * Math.min(1, window / Math.max(1, records)));
  return {
    exceededAfter(isDeadLetter) {
      count(isDeadLetter);
      // A good record never stops the consumer, so it can continue after an operator has repaired the cause.
      return isDeadLetter && isExceededBy(letters);
    },
    wouldExceed: (more, records) => isExceededBy(letters + scaled(more, records)),
    add(more, records) {
      for (let n = scaled(more, records); n > 0; n--) count(true);
    },
    snapshot() {
      if (letters === 0 && !isChanged) return undefined;
      isChanged = letters > 0;
      return Uint8Array.from([...recent.subarray(next), ...recent.subarray(0, next)]);
    },
    restore(snapshot) {
      for (const byte of snapshot.subarray(-window)) count(byte === 1);
    },
  };
}

export interface LetterListeners {
  readonly metrics: Metrics;
  readonly log: Pick<Logger, 'warn'>;
  readonly onLetters: (reason: string, letters: number) => void;
}

/** Counts the letters that the broker has acknowledged, by reason, and logs the first of each reason and topic. */
export function withLetterReports(sink: FailedRecordSink, on: LetterListeners): FailedRecordSink {
  const logged = new Set<string>();
  return {
    async send(letters) {
      await sink.send(letters);
      for (const letter of letters) {
        const { reason } = letter;
        on.metrics.deadLetters.inc({ reason });
        on.onLetters(reason, 1);
        const origin = resolveOrigin(letter.topic, letter.partition, letter.record);
        const kind = `${reason} ${origin.topic}`;
        if (!logged.has(kind)) logLetter(on.log, letter, origin);
        logged.add(kind);
      }
    },
  };
}

function logLetter(log: Pick<Logger, 'warn'>, { reason, step, detail }: FailedRecord, origin: Origin): void {
  const { topic, partition, offset } = origin;
  log.warn(
    { event: 'letter_written', reason, step, detail, topic, partition, offset },
    `dead letter: ${reason}, ${detail}; ${topic} partition ${partition} offset ${offset}`,
  );
}
