import type { EventProducer } from '../kafka/producer.ts';
import type { OutgoingRecord, RawRecord } from '../kafka/records.ts';

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
  return { send: (letters) => producer.send(topic, letters.map(deadLetterRecord)) };
}

/**
 * The dead letter as a record: key, value and headers as they came, and the origin in headers of ours. A tombstone
 * stays a null value.
 */
export function deadLetterRecord(letter: DeadLetter): OutgoingRecord {
  const headers: Record<string, Buffer | string | (Buffer | string)[]> = {};
  for (const [name, value] of Object.entries(letter.record.headers ?? {})) {
    if (value !== undefined) headers[name] = value;
  }
  headers['lastseen.origin.topic'] = letter.topic;
  headers['lastseen.origin.partition'] = String(letter.partition);
  headers['lastseen.origin.offset'] = letter.record.offset;
  headers['lastseen.origin.timestamp'] = letter.record.timestamp;
  headers['lastseen.reason'] = letter.reason;
  headers['lastseen.step'] = letter.step;
  headers['lastseen.detail'] = letter.detail;
  headers['lastseen.attempts'] ??= '1';
  return { key: letter.record.key, value: letter.record.value, headers };
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
