import type { Instant } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
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
import type { SourceDatabases } from './replication-store.ts';

export interface CaptureView extends SourceDatabases {
  /** The enabled sources by their topics. */
  readonly sources: ReadonlyMap<string, Source>;
  readonly slot: string;
  readonly publication: string;
  readonly now: () => Instant;
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
    const seen = await readCaptureEvidence(slotDatabase === database ? tx : slotDatabase, namesOf(view));
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
  const seen = await readCaptureEvidence(view.slotDatabase, namesOf(view));
  const found = foundBreak(stored, seen, view.now());
  const open = await openBreaks(view.database);
  return found === undefined ? open : [...open, found];
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
