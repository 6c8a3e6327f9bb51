import type { Instant } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
import { readSourceVolumes } from '../history/sweep-runs-store.ts';
import type { EndPosition } from '../kafka/admin/offsets.ts';
import { type Position, partitionKey } from '../kafka/client/records.ts';
import { must } from '../runtime/must.ts';
import { judgeFreshness } from './judgement.ts';
import { type Baseline, type FreshnessView, readApplied, readEvidence, type Target, targetAt } from './pipeline.ts';

interface SourceState {
  readonly source: Source;
  /** All changes committed at the source by then are applied; undefined if not proven since the watch began. */
  readonly provenAt: Instant | undefined;
  /** Undefined if the topic does not exist. */
  readonly behindRecords: bigint | undefined;
  /** Records of the topic that open transactions hide. */
  readonly hiddenRecords: bigint;
}

/** Then a target is replaced even if a source has not reached it, because the proofs of the other sources would age. */
const TARGET_LASTS_US = 30_000_000n;

/**
 * Repeats the proof of a sweep for the metrics: each call reads the evidence once. Positions are waited for as in a sweep.
 * Tables with rows whose topic never had a record are not found, because that needs the right to read the source tables.
 */
export function watchFreshness(view: FreshnessView): () => Promise<readonly SourceState[]> {
  const provenAt = new Map<Source, Instant>();
  let current: { readonly since: Instant; readonly baseline: Baseline; readonly target: Target } | undefined;
  // Outlives the targets: an offset that goes back was changed.
  let lastOffset: bigint | undefined;
  return async () => {
    const endsAt = current?.target.ends?.at;
    if (endsAt !== undefined && view.now() - endsAt > TARGET_LASTS_US) current = undefined;
    current ??= await newTarget(view, lastOffset);
    const { since, baseline, target } = current;

    let ends: Promise<readonly EndPosition[]> | undefined;
    const readEnds = () => {
      ends ??= view.readEnds([...view.sources.keys()]);
      return ends;
    };
    const evidence = await readEvidence({ ...view, readEnds }, baseline, target);
    lastOffset = target.offset;
    for (const source of evidence.sources) {
      if (judgeFreshness({ ...evidence, sources: [source] }).kind === 'fresh') provenAt.set(source.source, since);
    }
    if (evidence.sources.every(({ source }) => provenAt.get(source) === since)) current = undefined;
    const behind = recordsBehind(await readApplied(view), await readEnds());
    const hidden = recordsHidden(await readEnds());
    return evidence.sources.map(({ source, topic }) => ({
      source,
      provenAt: provenAt.get(source),
      behindRecords: behind.get(topic),
      hiddenRecords: hidden.get(topic) ?? 0n,
    }));
  };
}

async function newTarget(view: FreshnessView, lastOffset: bigint | undefined) {
  const since = view.now();
  const baseline = { hasRows: new Set<Source>(), history: await readSourceVolumes(view.database), checksMissing: true };
  const target: Target = must(await targetAt(view, 0n), 'the clock of the primary is after 1970');
  if (lastOffset !== undefined) target.offset = lastOffset;
  return { since, baseline, target };
}

/** By topic. */
function recordsBehind(applied: ReadonlyMap<string, bigint>, ends: readonly Position[]): ReadonlyMap<string, bigint> {
  const behind = new Map<string, bigint>();
  for (const end of ends) {
    const left = end.nextOffset - (applied.get(partitionKey(end)) ?? 0n);
    behind.set(end.topic, (behind.get(end.topic) ?? 0n) + (left > 0n ? left : 0n));
  }
  return behind;
}

/** By topic. */
function recordsHidden(ends: readonly EndPosition[]): ReadonlyMap<string, bigint> {
  const hidden = new Map<string, bigint>();
  for (const { topic, nextOffset, stableOffset } of ends) {
    hidden.set(topic, (hidden.get(topic) ?? 0n) + nextOffset - stableOffset);
  }
  return hidden;
}
