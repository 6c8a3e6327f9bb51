import type { EventProducer } from '../kafka/client/producer.ts';
import type { OutgoingRecord, RawRecord } from '../kafka/client/records.ts';
import type { Metrics } from '../observability/metrics.ts';
import { originHeaders } from './origin.ts';

/** A record that can never be applied, with where it came from and why. */
export interface DeadLetter {
  readonly topic: string;
  readonly partition: number;
  readonly record: RawRecord;
  readonly reason: string;
  readonly step: string;
  /** One line for the operator; never row data. */
  readonly detail: string;
}

export interface DeadLetterSink {
  /** Resolves when the broker has acknowledged every letter; only then may their source offsets be committed. */
  send(letters: readonly DeadLetter[]): Promise<void>;
}

/** Sends dead letters to a topic through the producer of this process. */
export function createDeadLetterSink(producer: Pick<EventProducer, 'send'>, topic: string): DeadLetterSink {
  return { send: (letters) => producer.send(topic, letters.map(failureRecord)) };
}

/** Leaves room for the largest record in the topic of dead letters. */
const LONGEST_DETAIL = 2_000;

/**
 * What failed as a record: key, value and headers as they came, and in headers of ours where it was read for the first
 * time, and why it failed. A tombstone stays a null value.
 */
export function failureRecord({ topic, partition, record, reason, step, detail }: DeadLetter): OutgoingRecord {
  const headers = {
    ...originHeaders(topic, partition, record),
    'lastseen.reason': reason,
    'lastseen.step': step,
    'lastseen.detail': detail.slice(0, LONGEST_DETAIL),
  };
  return { key: record.key, value: record.value, headers };
}

export interface DeadLetterLimit {
  /** Counts one record; true where the share is passed and the consumer must stop. */
  passed(isDeadLetter: boolean): boolean;
}

/**
 * More than `maxShare` dead letters among the last 1,000 records, and at least 50 of them, is no bad record but a bad
 * deploy: going on would drain the topic into the dead letters.
 */
export function createDeadLetterLimit(maxShare: number, window = 1_000, atLeast = 50): DeadLetterLimit {
  const recent = new Uint8Array(window);
  let next = 0;
  let letters = 0;
  return {
    passed(isDeadLetter) {
      letters += (isDeadLetter ? 1 : 0) - (recent[next] ?? 0);
      recent[next] = isDeadLetter ? 1 : 0;
      next = (next + 1) % window;
      return letters >= atLeast && letters > maxShare * window;
    },
  };
}

/** The same sink, with what the broker has acknowledged counted. */
export function countedLetters(metrics: Metrics, sink: DeadLetterSink): DeadLetterSink {
  return {
    async send(letters) {
      await sink.send(letters);
      for (const { reason } of letters) metrics.deadLetters.inc({ reason });
    },
  };
}
