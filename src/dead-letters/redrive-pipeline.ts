import type { EventProducer } from '../kafka/client/producer.ts';
import type { OutgoingRecord } from '../kafka/client/records.ts';
import { LastseenError } from '../runtime/errors.ts';
import { must } from '../runtime/must.ts';
import { isolateFailures } from '../runtime/retries.ts';
import type { Letter } from './letters.ts';
import { originHeaders } from './origin.ts';

/** Records which letters were sent back. */
interface RedriveLedger {
  /** Returns the letters that were sent back before. */
  findRedriven(letters: readonly Letter[]): Promise<ReadonlySet<Letter>>;
  markRedriven(letters: readonly Letter[]): Promise<void>;
}

export interface RedriveDeps {
  readonly producer: Pick<EventProducer, 'send'>;
  readonly ledger: RedriveLedger;
  /** The partition counts of the topics that lastseen reads. Letters are sent only to these: headers are not trusted. */
  readonly partitions: ReadonlyMap<string, number>;
  /** Only count; send nothing. */
  readonly dryRun: boolean;
  /** Send at most this many. */
  readonly limit: number;
  /** Letters that are sent before they are marked; a crash in between sends them again. */
  readonly batchSize?: number;
  /** Called for each letter that cannot be sent back. */
  readonly onRejected?: (letter: Letter, why: string) => void;
}

export interface RedriveCounts {
  /** Letters that matched. */
  letters: number;
  /** Sent back; in a dry run, that would be. */
  redriven: number;
  redrivenBefore: number;
  /** Cannot be sent back. */
  rejected: number;
  /** The redriven letters. */
  readonly byOrigin: Map<string, OriginCount>;
}

export interface OriginCount {
  readonly topic: string;
  readonly reason: string;
  letters: number;
}

export interface Redrive {
  readonly counts: RedriveCounts;
  /** @returns false if the limit is reached. */
  send(letters: readonly Letter[]): Promise<boolean>;
}

/**
 * Sends letters back to their original topics in batches: a batch is sent, acknowledged and then marked. After a crash in
 * between the batch is sent again, which its consumers tolerate. A marked letter was always sent.
 */
export function createRedrive(deps: RedriveDeps): Redrive {
  const counts: RedriveCounts = { letters: 0, redriven: 0, redrivenBefore: 0, rejected: 0, byOrigin: new Map() };
  const batchSize = deps.batchSize ?? 500;
  return {
    counts,
    async send(letters) {
      for (let at = 0; at < letters.length && counts.redriven < deps.limit; at += batchSize) {
        await sendBatch(deps, counts, letters.slice(at, at + batchSize));
      }
      return counts.redriven < deps.limit;
    },
  };
}

async function sendBatch(deps: RedriveDeps, counts: RedriveCounts, batch: readonly Letter[]): Promise<void> {
  const before = await deps.ledger.findRedriven(batch);
  counts.letters += batch.length;
  counts.redrivenBefore += before.size;
  const sendable = batch.filter((letter) => {
    if (before.has(letter)) return false;
    const why = rejection(deps.partitions, letter);
    if (why !== undefined) reject(deps, counts, letter, why);
    return why === undefined;
  });
  const byTopic = Map.groupBy(sendable.slice(0, deps.limit - counts.redriven), (letter) => originOf(letter).topic);
  for (const [topic, letters] of byTopic) {
    const sent = deps.dryRun ? letters : await sendTo(deps, counts, topic, letters);
    counts.redriven += sent.length;
    for (const { reason } of sent) {
      const key = `${topic} ${reason}`;
      const count = counts.byOrigin.get(key) ?? { topic, reason, letters: 0 };
      count.letters += 1;
      counts.byOrigin.set(key, count);
    }
  }
}

/** @returns the letters that were sent and marked. */
async function sendTo(
  deps: RedriveDeps,
  counts: RedriveCounts,
  topic: string,
  letters: readonly Letter[],
): Promise<readonly Letter[]> {
  const sent = new Set(letters);
  await isolateFailures(
    letters,
    (some) => deps.producer.send(topic, some.map(redrivenRecord)),
    recordRefusal,
    (letter, why) => {
      sent.delete(letter);
      reject(deps, counts, letter, why);
    },
  );
  await deps.ledger.markRedriven([...sent]);
  return [...sent];
}

function reject({ onRejected }: RedriveDeps, counts: RedriveCounts, letter: Letter, why: string): void {
  counts.rejected += 1;
  onRejected?.(letter, why);
}

/**
 * The original record for its original partition, with its origin and the number of the next attempt. Its timestamp is new:
 * the broker could refuse an old one, or delete the record by retention before it is read. `track` judges the record by the
 * timestamp in its origin.
 */
function redrivenRecord(letter: Letter): OutgoingRecord {
  const { topic, partition, attempts, record } = letter;
  return {
    key: record.key,
    value: record.value,
    partition: originOf(letter).partition,
    headers: { ...originHeaders(topic, partition, record), 'lastseen.attempts': String(attempts + 1) },
  };
}

const originOf = ({ origin }: Letter) => must(origin, 'letters without an origin are rejected');

function rejection(partitions: ReadonlyMap<string, number>, { origin }: Letter): string | undefined {
  if (origin === undefined) return 'its headers contain no origin';
  const count = partitions.get(origin.topic);
  if (count === undefined) return `${origin.topic} is not a topic that lastseen reads`;
  if (origin.partition >= count) return `${origin.topic} has no partition ${origin.partition}`;
  return undefined;
}

function recordRefusal(error: unknown): string | undefined {
  return error instanceof LastseenError && error.code === 'record_refused' ? error.message : undefined;
}
