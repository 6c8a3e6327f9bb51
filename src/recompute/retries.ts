import { type FailedRecord, type FailedRecordSink, failureRecord } from '../dead-letters/dead-letter.ts';
import { attemptNumber, headerNumber } from '../dead-letters/origin.ts';
import type { EventProducer } from '../kafka/client/producer.ts';
import type { OutgoingRecord } from '../kafka/client/records.ts';
import type { Delay } from '../kafka/consumer/delays.ts';

/** Attempts on the retry topic, after the one on the first topic. */
const RETRIES = 3;

export interface RetryDeps {
  readonly producer: Pick<EventProducer, 'send'>;
  readonly topic: string;
  /** Equal for all attempts, so that the records of a partition are due in their order. */
  readonly delayMs: number;
  readonly nowMs: () => number;
  /** Receives records after the last attempt. */
  readonly deadLetters: FailedRecordSink;
}

/** Sends failed records to the retry topic, and after the last attempt to the dead letters. */
export function createRetrySink({ producer, topic, delayMs, nowMs, deadLetters }: RetryDeps): FailedRecordSink {
  return {
    async send(failed) {
      const notBeforeMs = Math.ceil(nowMs() + delayMs);
      const retried: OutgoingRecord[] = [];
      const dead: FailedRecord[] = [];
      for (const letter of failed) {
        const retry = letter.topic === topic ? retryOf(letter) + 1 : 1;
        if (retry > RETRIES) dead.push(letter);
        else retried.push(retryRecord(letter, retry, notBeforeMs));
      }
      await producer.send(topic, retried);
      await deadLetters.send(dead);
    },
  };
}

/** Records of the retry topic wait until they are due; all others are read at once. */
export function retryDelay(retryTopic: string, nowMs: () => number): Delay {
  return {
    nowMs,
    notBeforeMs: (topic, { headers }) =>
      topic === retryTopic ? headerNumber(headers, 'lastseen.not-before') : undefined,
  };
}

function retryRecord(letter: FailedRecord, retry: number, notBeforeMs: number): OutgoingRecord {
  const record = failureRecord(letter);
  const headers = {
    ...record.headers,
    'lastseen.attempts': String(attemptNumber(letter.record) + 1),
    'lastseen.retry': String(retry),
    'lastseen.not-before': String(notBeforeMs),
  };
  return { ...record, headers };
}

function retryOf({ record }: FailedRecord): number {
  return headerNumber(record.headers, 'lastseen.retry') ?? 1;
}
