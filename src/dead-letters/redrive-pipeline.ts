import type { EventProducer } from '../kafka/client/producer.ts';
import type { OutgoingRecord } from '../kafka/client/records.ts';
import { LastseenError } from '../runtime/errors.ts';
import { halving } from '../runtime/isolate-failures.ts';
import type { Letter } from './letters.ts';
import { originHeaders } from './origin.ts';

/** Which letters were sent back. */
interface RedriveLedger {
  /** Those of the letters that were sent back before. */
  redriven(letters: readonly Letter[]): Promise<ReadonlySet<Letter>>;
  mark(letters: readonly Letter[]): Promise<void>;
}

export interface RedriveDeps {
  readonly producer: Pick<EventProducer, 'send'>;
  readonly ledger: RedriveLedger;
  /** The partitions of the topics that may be written to: what a header says is no reason to write anywhere. */
  readonly partitions: ReadonlyMap<string, number>;
  /** Send nothing, and only count. */
  readonly dryRun: boolean;
  /** Send no more than these. */
  readonly limit: number;
  /** Letters sent before they are marked: what a crash in between sends again. */
  readonly portion?: number;
  /** Told of each letter that cannot be sent back, and why. */
  readonly onLeft?: (letter: Letter, why: string) => void;
}

export interface RedriveCounts {
  /** Letters that were asked for. */
  letters: number;
  /** Sent back now; in a dry run, those that would be. */
  redriven: number;
  redrivenBefore: number;
  /** Cannot be sent back. */
  left: number;
  /** Those redriven. */
  readonly byOrigin: Map<string, OriginCount>;
}

export interface OriginCount {
  readonly topic: string;
  readonly reason: string;
  letters: number;
}

export interface Redrive {
  readonly counts: RedriveCounts;
  /** @returns false where the limit is reached. */
  take(letters: readonly Letter[]): Promise<boolean>;
}

/**
 * Sends letters back to where they were first read: portion by portion they are sent, acknowledged, and then marked. A
 * crash in between sends a portion again, which whoever reads it bears; nothing that is marked was not sent.
 */
export function createRedrive(deps: RedriveDeps): Redrive {
  const counts: RedriveCounts = { letters: 0, redriven: 0, redrivenBefore: 0, left: 0, byOrigin: new Map() };
  const portion = deps.portion ?? 500;

  const leave = (letter: Letter, why: string) => {
    counts.left += 1;
    deps.onLeft?.(letter, why);
  };

  const send = async (topic: string, letters: readonly Letter[]) => {
    const sent = new Set(letters);
    await halving(
      letters,
      (some) => deps.producer.send(topic, some.map(redrivenRecord)),
      refusal,
      (letter, why) => {
        sent.delete(letter);
        leave(letter, why);
      },
    );
    return [...sent];
  };

  const takePortion = async (letters: readonly Letter[]) => {
    const before = await deps.ledger.redriven(letters);
    counts.letters += letters.length;
    counts.redrivenBefore += before.size;
    const byTopic = new Map<string, Letter[]>();
    let room = deps.limit - counts.redriven;
    for (const letter of letters) {
      if (before.has(letter)) continue;
      const why = whyNot(deps.partitions, letter);
      const topic = letter.origin?.topic;
      if (why !== undefined || topic === undefined) leave(letter, why ?? 'no origin');
      else if (room-- > 0) byTopic.set(topic, [...(byTopic.get(topic) ?? []), letter]);
    }
    for (const [topic, of] of byTopic) {
      const sent = deps.dryRun ? of : await send(topic, of);
      if (!deps.dryRun) await deps.ledger.mark(sent);
      counts.redriven += sent.length;
      for (const { reason } of sent) {
        const name = `${topic} ${reason}`;
        const count = counts.byOrigin.get(name) ?? { topic, reason, letters: 0 };
        count.letters += 1;
        counts.byOrigin.set(name, count);
      }
    }
  };

  return {
    counts,
    async take(letters) {
      for (let at = 0; at < letters.length && counts.redriven < deps.limit; at += portion) {
        await takePortion(letters.slice(at, at + portion));
      }
      return counts.redriven < deps.limit;
    },
  };
}

/**
 * The record as it was first read, for its first partition, with its origin and as the next try. It gets a timestamp of
 * its own: one of the past could be refused by the broker, or pass its retention before it is read. `track` judges it by
 * that of its origin.
 */
function redrivenRecord({ topic, partition, origin, attempts, record }: Letter): OutgoingRecord {
  return {
    key: record.key,
    value: record.value,
    partition: origin?.partition ?? 0,
    headers: { ...originHeaders(topic, partition, record), 'lastseen.attempts': String(attempts + 1) },
  };
}

function whyNot(partitions: ReadonlyMap<string, number>, { origin }: Letter): string | undefined {
  if (origin === undefined) return 'its headers tell no origin';
  const count = partitions.get(origin.topic);
  if (count === undefined) return `${origin.topic} is none of the topics that are read`;
  if (origin.partition >= count) return `${origin.topic} has no partition ${origin.partition}`;
  return undefined;
}

function refusal(error: unknown): string | undefined {
  return error instanceof LastseenError && error.code === 'record_refused' ? error.message : undefined;
}
