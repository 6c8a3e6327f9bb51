import type { Instant } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
import type { Queryable } from '../postgres/database.ts';
import {
  breakOf,
  type CaptureBreak,
  type CaptureEvidence,
  canCapture,
  hasSameIdentity,
  nextEvidence,
} from './capture-evidence.ts';
import {
  lockEvidence,
  type OpenBreak,
  openBreaks,
  readCaptureEvidence,
  readStoredEvidence,
  recordBreak,
  type StoredEvidence,
  saveEvidence,
} from './capture-evidence-store.ts';
import { type OffsetEvidence, offsetEvidence } from './connect-offset.ts';
import type { DeliveryView } from './delivery-pipeline.ts';

export interface CaptureView extends DeliveryView {
  /** The enabled sources by their topics. */
  readonly sources: ReadonlyMap<string, Source>;
  readonly publication: string;
}

export interface CaptureLook {
  /** Found by this look. */
  readonly found: CaptureBreak | undefined;
  /** Recorded and not closed, including the one found. */
  readonly open: readonly OpenBreak[];
}

/** Compares the source with the newest evidence, records a break, and stores what was seen. */
export function recordCaptureLook(view: CaptureView): Promise<CaptureLook> {
  const { database, slotDatabase } = view;
  return database.transaction(async (tx) => {
    await lockEvidence(tx);
    const stored = await readStoredEvidence(tx);
    const seen = await readSeen(view, slotDatabase === database ? tx : slotDatabase);
    const at = view.now();
    const found = foundBreak(stored, seen, at);
    if (found !== undefined) await recordBreak(tx, found, namesOf(view).sources);
    if (stored !== undefined || canCapture(seen)) {
      const evidence = nextEvidence(stored?.evidence, seen);
      const isNew = stored === undefined || !hasSameIdentity(stored.evidence, evidence);
      await saveEvidence(tx, { evidence, at, isNew: isNew || found !== undefined });
    }
    return { found, open: await openBreaks(tx) };
  });
}

/** The breaks that are open, and one that is not recorded yet. Writes nothing, for roles that may only read. */
export async function readCaptureBreaks(view: CaptureView): Promise<readonly CaptureBreak[]> {
  const stored = await readStoredEvidence(view.database);
  const seen = await readSeen(view, view.slotDatabase);
  const found = foundBreak(stored, seen, view.now());
  const open = await openBreaks(view.database);
  return found === undefined ? open : [...open, found];
}

/** The offset first, because it lies within the log whose end is read after it. */
async function readSeen(view: CaptureView, source: Queryable): Promise<CaptureEvidence> {
  const offset = await readOffset(view);
  return { ...(await readCaptureEvidence(source, namesOf(view))), offset };
}

/** Whether Kafka Connect answers is part of the proof of delivery. */
async function readOffset({ proof, readOffset }: CaptureView): Promise<OffsetEvidence | null> {
  if (proof === 'slot' || readOffset === undefined) return null;
  return readOffset().then(offsetEvidence, () => null);
}

function namesOf({ slot, publication, sources }: CaptureView) {
  return { slot, publication, sources: [...new Set(sources.values())] };
}

/** The first look has nothing to compare with. */
function foundBreak(
  stored: StoredEvidence | undefined,
  seen: CaptureEvidence,
  foundAt: Instant,
): CaptureBreak | undefined {
  const changes = stored === undefined ? [] : breakOf(stored.evidence, seen);
  if (stored === undefined || changes.length === 0) return undefined;
  return { changes, lastIntactAt: stored.lastSeenAt, foundAt };
}
