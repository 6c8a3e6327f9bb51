import { type Instant, MICROS_PER_MS } from '../activity/instant.ts';
import type { Lsn } from '../postgres/database.ts';
import { safeMessage } from '../runtime/errors.ts';
import { must } from '../runtime/must.ts';
import { type CommittedOffset, type ConnectEvidence, compareOffset, type FreshnessProof } from './connect-offset.ts';
import type { SlotEvidence } from './judgement.ts';
import { compareSlot, currentPosition, type SourceDatabases, sourcePrimary } from './replication-store.ts';

/** What shows how far the connector has delivered. */
export interface DeliveryView extends SourceDatabases {
  readonly slot: string;
  readonly proof: FreshnessProof;
  /** Kafka Connect's committed offset of the connector, if CONNECT_URL is set. */
  readonly readOffset?: (() => Promise<CommittedOffset>) | undefined;
  readonly now: () => Instant;
}

/** A position to pass, and what was seen at earlier looks. */
export interface DeliveryTarget {
  readonly position: Lsn;
  /** The last movement of the slot, as far as it was observed. */
  moved?: { readonly confirmed: Lsn | null; readonly at: Instant };
  /** The last committed offset that was read. */
  offset?: bigint;
}

export interface Delivery {
  /** Undefined if only Kafka Connect is asked. */
  readonly slot: SlotEvidence | undefined;
  /** Undefined if only the slot is asked. */
  readonly connect: ConnectEvidence | undefined;
}

/** Compares what FRESHNESS_PROOF names with the target, and keeps in the target what was seen. */
export async function readDelivery(view: DeliveryView, target: DeliveryTarget): Promise<Delivery> {
  return {
    slot: view.proof === 'connect' ? undefined : await readSlot(view, target),
    connect: view.proof === 'slot' ? undefined : await readConnect(view, target),
  };
}

export function isDelivered({ slot, connect }: Delivery): boolean {
  const asked = [slot, connect].filter((each) => each !== undefined);
  return asked.length > 0 && asked.every(({ kind }) => kind === 'past');
}

async function readSlot({ slotDatabase, slot, now }: DeliveryView, target: DeliveryTarget): Promise<SlotEvidence> {
  const compared = await compareSlot(slotDatabase, slot, target.position);
  if (compared.kind !== 'behind') return compared;
  const { confirmed, ...behind } = compared;
  if (confirmed === null || target.moved?.confirmed !== confirmed) target.moved = { confirmed, at: now() };
  return { ...behind, stillMs: Number((now() - target.moved.at) / MICROS_PER_MS) };
}

async function readConnect(view: DeliveryView, target: DeliveryTarget): Promise<ConnectEvidence> {
  const readOffset = must(view.readOffset, 'FRESHNESS_PROOF needs CONNECT_URL, which the configuration requires');
  let offset: CommittedOffset;
  try {
    offset = await readOffset();
  } catch (error) {
    return { kind: 'unknown', reason: safeMessage(error) };
  }
  const current = must(await currentPosition(await sourcePrimary(view), 0n), 'the clock of the primary is after 1970');
  const evidence = compareOffset(offset, { position: target.position, current, before: target.offset });
  if (offset.lsn === undefined) delete target.offset;
  else target.offset = offset.lsn;
  return evidence;
}
