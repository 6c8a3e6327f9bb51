import type { Instant } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
import { auditedSources, readUnexplainedDrift } from '../history/audit-runs-store.ts';
import { readSourceVolumes } from '../history/sweep-runs-store.ts';
import type { SourceVolume } from '../history/usual-volume.ts';
import type { EndPosition } from '../kafka/admin/offsets.ts';
import { partitionKey } from '../kafka/client/records.ts';
import { openGaps } from '../last-seen/gaps-store.ts';
import { countOpenLetters } from '../last-seen/letters-store.ts';
import { readProgress } from '../last-seen/progress-store.ts';
import { isRetriable, LastseenError, safeMessage } from '../runtime/errors.ts';
import { capturedAs, NOT_PUBLISHED } from './capture.ts';
import { type CaptureView, readCaptureBreaks, recordCaptureLook } from './capture-evidence-pipeline.ts';
import { readCaptures } from './capture-store.ts';
import { type ConnectorConfig, connectorFilters, describePart } from './connector-filters.ts';
import { type DeliveryTarget, isDelivered, readDelivery } from './delivery-pipeline.ts';
import { type Freshness, type FreshnessEvidence, judgeFreshness, missingSlot, type SourceEnds } from './judgement.ts';
import { readPosition, type SourcePosition, slotExists, sourcePrimary, sourcesWithRows } from './replication-store.ts';

/** What evidence is read from. */
export interface FreshnessView extends CaptureView {
  /** `DLQ_UNREADABLE_MAX`. */
  readonly maxUnreadableLetters: number;
  /** The current ends of the topics; topics that do not exist are left out. */
  readonly readEnds: (topics: readonly string[]) => Promise<readonly EndPosition[]>;
  /** Stores what is seen of capture, and breaks. Otherwise they are only compared, as a role that may only read can. */
  readonly recordsCapture?: boolean;
  /** The connector's settings, if CONNECT_URL is set. */
  readonly readConnectors?: (() => Promise<readonly ConnectorConfig[]>) | undefined;
}

export interface FreshnessDeps extends FreshnessView {
  readonly waitMs: number;
  /** Resolves to false if the process is shutting down. */
  readonly pause: (ms: number) => Promise<boolean>;
  readonly onWaiting?: (reasons: readonly string[]) => void;
}

/** What is compared besides the progress. It is read before the position, so that rows found now must be in the topics. */
export interface Baseline {
  readonly hasRows: ReadonlySet<Source>;
  readonly history: ReadonlyMap<Source, readonly SourceVolume[]>;
  /** Whether what is known to be missing matters: uncaptured changes, gaps, dead letters, drift of the newest audit. */
  readonly checksMissing: boolean;
}

/** Positions that are read once and then waited for, so that a busy source cannot postpone the proof for ever. */
export interface Target extends DeliveryTarget, SourcePosition {
  /** Undefined until the connector has delivered up to the position. */
  ends: TopicEnds | undefined;
  connectors?: readonly ConnectorConfig[];
}

interface TopicEnds {
  readonly positions: readonly EndPosition[];
  readonly at: Instant;
  /** The progress right before the ends were read, by partition. */
  readonly appliedBefore: ReadonlyMap<string, bigint>;
}

export const RETRY_MS = 500;

export const CLOCK_BEFORE_AS_OF = "the source database's clock has not reached the as-of";

/**
 * Proves that all changes committed at the source before the as-of are applied, and waits for it if necessary. Reads the
 * source's position at or after the as-of, waits until the connector has delivered up to it (by its slot, or its committed
 * offset), reads the ends of the topics, and waits until the progress of `track` has reached them.
 *
 * @returns the sum of the end offsets of each source's topic.
 * @throws LastseenError `not_fresh` with one line per reason.
 */
export async function proveFresh(deps: FreshnessDeps, asOf: Instant): Promise<SourceEnds> {
  return prove(deps, asOf, await readBaseline(deps));
}

/**
 * The same for the changes committed until now, for an audit, which itself finds what is missing: open gaps, dead letters,
 * the drift of an earlier audit, breaks of capture, and sources that are not captured or have no new records, do not matter.
 *
 * @throws LastseenError `not_fresh` with one line per reason.
 */
export async function proveApplied(deps: FreshnessDeps): Promise<void> {
  await prove(deps, 0n, { hasRows: new Set(), history: new Map(), checksMissing: false });
}

export async function readBaseline({ database, slotDatabase, sources }: FreshnessView): Promise<Baseline> {
  const audited = await auditedSources(database);
  const unaudited = [...sources.values()].filter((source) => !audited.has(source));
  return {
    hasRows: await sourcesWithRows(slotDatabase, unaudited),
    history: await readSourceVolumes(database),
    checksMissing: true,
  };
}

async function prove(deps: FreshnessDeps, asOf: Instant, baseline: Baseline): Promise<SourceEnds> {
  const deadline = deps.now() + BigInt(Math.round(deps.waitMs)) * 1000n;
  let target: Target | undefined;
  const judgeNow = async (): Promise<Freshness> => {
    target ??= await targetAt(deps, asOf);
    if (target === undefined) return behind(CLOCK_BEFORE_AS_OF);
    return judgeFreshness(await readEvidence(deps, baseline, target));
  };
  for (;;) {
    const verdict = await judgeNow().catch(outageIsBehind);
    switch (verdict.kind) {
      case 'fresh':
        return verdict.ends;
      case 'broken':
        throw notFresh(verdict.reasons);
      case 'behind':
        if (deps.now() >= deadline || !(await deps.pause(RETRY_MS))) throw notFresh(verdict.reasons);
        deps.onWaiting?.(verdict.reasons);
    }
  }
}

/** What cannot be read during an outage is not fresh yet. */
function outageIsBehind(error: unknown): Freshness {
  if (!isRetriable(error)) throw error;
  return behind(safeMessage(error));
}

function behind(reason: string): Freshness {
  return { kind: 'behind', reasons: [reason] };
}

function notFresh(reasons: readonly string[]): LastseenError {
  return new LastseenError('not_fresh', reasons.map((reason) => `not fresh: ${reason}`).join('\n'));
}

/**
 * The current position, undefined while the source's clock is before the as-of. Requires the slot: a slot created later
 * starts past the position, although its snapshot is still to come. A committed offset says whether that is complete.
 */
export async function targetAt(view: FreshnessView, asOf: Instant): Promise<Target | undefined> {
  const { slotDatabase, slot, proof } = view;
  if (proof !== 'connect' && !(await slotExists(slotDatabase, slot))) throw notFresh([missingSlot(slot)]);
  const position = await readPosition(await sourcePrimary(view), asOf);
  return position === undefined ? undefined : { ...position, ends: undefined };
}

async function readTopicEnds(view: FreshnessView): Promise<TopicEnds> {
  const appliedBefore = await readApplied(view);
  return { positions: await view.readEnds([...view.sources.keys()]), at: view.now(), appliedBefore };
}

/** The offset below which every record is applied, by partition. */
export async function readApplied({ database, sources }: FreshnessView): Promise<ReadonlyMap<string, bigint>> {
  const progress = await readProgress(database, [...sources.keys()]);
  return new Map(progress.map((position) => [partitionKey(position), position.nextOffset]));
}

/** Sets the connectors of the target, until they have delivered. @returns why they could not be read */
async function readConnectorSettings({ readConnectors }: FreshnessView, target: Target): Promise<string | undefined> {
  if (readConnectors === undefined || (target.connectors !== undefined && target.ends !== undefined)) return undefined;
  try {
    target.connectors = await readConnectors();
    return undefined;
  } catch (error) {
    return `the connector's settings are unknown: ${safeMessage(error)}`;
  }
}

/** What is known to be missing; an audit does not ask for it. */
async function readMissing(view: FreshnessView) {
  const { database, slotDatabase, publication } = view;
  const topics = [...view.sources.keys()];
  return {
    captures: await readCaptures(slotDatabase, publication),
    // After the slot: it is still the one that delivered.
    breaks: view.recordsCapture === true ? (await recordCaptureLook(view)).open : await readCaptureBreaks(view),
    gaps: await openGaps(database, topics),
    letters: await countOpenLetters(database, topics),
    drift: await readUnexplainedDrift(database),
  };
}

/** Sets the ends of the target as soon as the connector has delivered up to its position. */
export async function readEvidence(
  view: FreshnessView,
  baseline: Baseline,
  target: Target,
): Promise<FreshnessEvidence> {
  const { sources, publication } = view;
  const delivery = await readDelivery(view, target);
  if (isDelivered(delivery)) target.ends ??= await readTopicEnds(view);
  const { ends } = target;
  const applied = await readApplied(view);
  const stable = await readStable(view, ends?.positions ?? [], applied);
  // After the progress: gaps and letters are recorded in the transaction that moves it.
  const missing = baseline.checksMissing ? await readMissing(view) : undefined;
  const connectorUnknown = await readConnectorSettings(view, target);
  const connectors = target.connectors ?? [];
  return {
    ...delivery,
    publication,
    notRunning: connectors.flatMap(({ parts }) => parts.filter(({ state }) => state !== 'RUNNING').map(describePart)),
    connectorUnknown: missing === undefined ? undefined : connectorUnknown,
    breaks: missing?.breaks,
    drift: missing?.drift,
    maxUnreadableLetters: view.maxUnreadableLetters,
    sources: [...sources].map(([topic, source]) => ({
      source,
      topic,
      capture: missing === undefined ? capturedAs(source) : (missing.captures.get(source) ?? NOT_PUBLISHED),
      connectorFilters:
        missing === undefined
          ? []
          : connectors.flatMap((each) => connectorFilters(each, topic, missing.captures.get(source)?.tables ?? [])),
      hasRows: baseline.hasRows.has(source),
      partitions: ends?.positions
        .filter((end) => end.topic === topic)
        .map((end) => ({
          partition: end.partition,
          end: end.nextOffset,
          stable: stable.get(partitionKey(end)) ?? end.stableOffset,
          applied: applied.get(partitionKey(end)),
          appliedBefore: ends.appliedBefore.get(partitionKey(end)),
        })),
      gaps: missing?.gaps.filter((gap) => gap.topic === topic) ?? [],
      unreadableLetters: missing?.letters.find((each) => each.topic === topic)?.unreadable ?? 0n,
      at: ends?.at ?? view.now(),
      history: baseline.history.get(source) ?? [],
    })),
  };
}

/**
 * The current last stable offsets, if open transactions hid records when the ends were read and these are not applied. Most
 * transactions are short.
 */
async function readStable(
  view: FreshnessView,
  ends: readonly EndPosition[],
  applied: ReadonlyMap<string, bigint>,
): Promise<ReadonlyMap<string, bigint>> {
  const hidden = ends.filter(
    (end) => end.stableOffset < end.nextOffset && (applied.get(partitionKey(end)) ?? 0n) < end.nextOffset,
  );
  if (hidden.length === 0) return new Map();
  const now = await view.readEnds([...new Set(hidden.map(({ topic }) => topic))]);
  return new Map(now.map((end) => [partitionKey(end), end.stableOffset]));
}
