import { type Instant, MICROS_PER_MS } from '../activity/instant.ts';
import type { RawBatch, RawRecord } from '../kafka/client/records.ts';
import type { LetterPosition } from './letter-id.ts';
import { attemptNumber, headerText, type Origin, readOrigin } from './origin.ts';

/** A record that was read from a topic of dead letters. */
export interface Letter extends LetterPosition {
  /** When it was written to that topic. */
  readonly writtenAt: Instant;
  /** Undefined if lastseen did not write the record. */
  readonly origin: Origin | undefined;
  readonly reason: string;
  readonly step: string;
  readonly detail: string;
  readonly attempts: number;
  readonly record: RawRecord;
}

/** An absent property matches every letter. */
export interface LetterFilter {
  readonly reason?: string | undefined;
  readonly since?: Instant | undefined;
  readonly sourceTopic?: string | undefined;
}

export function toLetters({ topic, partition, records }: RawBatch): Letter[] {
  return records.map((record) => ({
    topic,
    partition,
    offset: BigInt(record.offset),
    writtenAt: BigInt(record.timestamp) * MICROS_PER_MS,
    origin: readOrigin(record),
    reason: headerText(record.headers, 'lastseen.reason') ?? 'unknown',
    step: headerText(record.headers, 'lastseen.step') ?? 'unknown',
    detail: headerText(record.headers, 'lastseen.detail') ?? '',
    attempts: attemptNumber(record),
    record,
  }));
}

export function matchesFilter({ reason, since, sourceTopic }: LetterFilter, letter: Letter): boolean {
  return (
    (reason === undefined || letter.reason === reason) &&
    (since === undefined || letter.writtenAt >= since) &&
    (sourceTopic === undefined || letter.origin?.topic === sourceTopic)
  );
}

export interface NewestLetters {
  add(letter: Letter): void;
  /** Newest first. */
  list(): readonly Letter[];
}

/** Keeps the newest `limit` of any number of letters, without key, value and headers. */
export function createNewestLetters(limit: number): NewestLetters {
  let kept: Letter[] = [];
  const cut = () => {
    kept = kept.sort(newestFirst).slice(0, limit);
  };
  return {
    add(letter) {
      kept.push({ ...letter, record: { ...letter.record, key: null, value: null, headers: {} } });
      if (kept.length >= 2 * limit) cut();
    },
    list() {
      cut();
      return kept;
    },
  };
}

function newestFirst(a: Letter, b: Letter): number {
  if (a.writtenAt !== b.writtenAt) return a.writtenAt > b.writtenAt ? -1 : 1;
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1;
  return a.partition - b.partition || Number(b.offset - a.offset);
}
