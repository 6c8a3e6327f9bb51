import type { EventProducer } from '../kafka/client/producer.ts';
import type { Database } from '../postgres/database.ts';
import { tryWithLock } from '../postgres/locks.ts';
import { isRetriable } from '../runtime/errors.ts';
import { pause } from '../runtime/retries.ts';
import { markInstallation } from './installation.ts';
import { markPublished, takeUnpublished } from './outbox-store.ts';
import type { Outbox, OutboxRow } from './outboxes.ts';

export interface RelayDeps<Event> {
  readonly database: Database;
  /** `send` resolves when all records are acknowledged, in order per key. */
  readonly producer: Pick<EventProducer, 'send'>;
  readonly topic: string;
  readonly encode: (event: Event) => Buffer;
  /** The id that published events carry, and a check before the first of them that throws if the topic has another's. */
  readonly installation: { readonly id: string; readonly requireOwnTopic: () => Promise<void> };
}

/** Resolves with the number of events published, undefined if another process is publishing this outbox. */
export type Relay = () => Promise<number | undefined>;

/** The driver keeps several buffers per record until a batch is sent. Larger batches are not faster. */
const BATCH_SIZE = 250;

/**
 * Publishes unpublished events, batch by batch, until none are left. At least once: after a crash between the
 * acknowledgement and the mark, the batch is published again with the same event ids.
 */
export function createRelay<Row extends OutboxRow, Event>(outbox: Outbox<Row, Event>, deps: RelayDeps<Event>): Relay {
  const { database, producer, topic, encode, installation } = deps;
  let isOwnTopic = false;
  return () =>
    tryWithLock(database, outbox.lock, async () => {
      let published = 0;
      for (;;) {
        const rows = await takeUnpublished(database, outbox, BATCH_SIZE);
        if (rows.length === 0) return published;
        if (!isOwnTopic) await installation.requireOwnTopic();
        isOwnTopic = true;
        await producer.send(
          topic,
          rows.map((row) => markInstallation(outbox.toRecord(row, encode), installation.id)),
        );
        await markPublished(database, outbox, rows);
        published += rows.length;
      }
    });
}

interface RelayListener {
  failed(error: Error, waitMs: number): void;
  /** The first success after a failure. */
  recovered?(error: Error): void;
}

interface RelayState {
  readonly relay: Relay;
  /** Of the last round. */
  failure?: Error | undefined;
  refusals: number;
  nextRound: number;
}

const EVERY_MS = 2_000;
const MOST_ROUNDS = 30;

/**
 * Relays until the signal, so that the events of a process that was killed before it published are published by another.
 * A failure is reported and repeated: rows in an outbox are not lost by waiting. A relay that fails for another reason than
 * an outage, such as a missing right, waits twice as long each time, up to a minute: a person has to act.
 */
export async function relayUntil(
  signal: AbortSignal,
  relays: readonly Relay[],
  on: RelayListener,
  everyMs = EVERY_MS,
): Promise<void> {
  const states = relays.map((relay): RelayState => ({ relay, refusals: 0, nextRound: 0 }));
  for (let round = 0; ; round++) {
    for (const state of states.filter(({ nextRound }) => nextRound <= round)) {
      try {
        await state.relay();
        if (state.failure !== undefined) on.recovered?.(state.failure);
        state.failure = undefined;
        state.refusals = 0;
      } catch (error) {
        state.refusals = isRetriable(error) ? 0 : state.refusals + 1;
        const rounds = Math.min(MOST_ROUNDS, 2 ** Math.max(0, state.refusals - 1));
        state.nextRound = round + rounds;
        state.failure = error as Error;
        on.failed(state.failure, rounds * everyMs);
      }
    }
    if (!(await pause(everyMs, signal))) return;
  }
}
