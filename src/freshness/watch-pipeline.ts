import type { Instant } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
import { readSourceVolumes } from '../history/sweep-runs-store.ts';
import { type Position, partitionKey } from '../kafka/client/records.ts';
import { readProgress } from '../last-seen/progress-store.ts';
import { freshness } from './judgement.ts';
import { type FreshnessView, type Goal, notePosition, observe } from './pipeline.ts';

interface SourceState {
  readonly source: Source;
  /** Whatever was committed at the source by then is applied; undefined: never proven since the watch began. */
  readonly provenAt: Instant | undefined;
  /** Undefined where there is no topic. */
  readonly behindRecords: bigint | undefined;
}

export interface FreshnessState {
  readonly sources: readonly SourceState[];
}

/** A source that has not reached a goal by then is given a new one together with the others, whose proof would age. */
const GOAL_LASTS_US = 30_000_000n;

/**
 * The proof of a sweep, sought again and again for those who watch: each call takes one look. Positions are fixed and
 * waited for as there. What needs the right to read learners' tables is left out: that a table has rows although its
 * topic never had a record.
 */
export function watchFreshness(view: FreshnessView): () => Promise<FreshnessState> {
  const provenAt = new Map<Source, Instant>();
  let goal: (Goal & { readonly since: Instant }) | undefined;
  return async () => {
    if (goal?.ends !== undefined && view.now() - goal.ends.at > GOAL_LASTS_US) goal = undefined;
    goal ??= {
      hasRows: new Set(),
      history: await readSourceVolumes(view.database),
      asksForGaps: true,
      position: undefined,
      ends: undefined,
      since: view.now(),
    };
    goal.position ??= await notePosition(view, 0n);
    if (goal.position === undefined) throw new Error('the clock of the source stands before the epoch');

    let ends: Promise<readonly Position[]> | undefined;
    const readEnds = (topics: readonly string[]) => {
      ends ??= view.readEnds(topics);
      return ends;
    };
    const seen = await observe({ ...view, readEnds }, goal, goal.position);
    for (const source of seen.sources) {
      if (freshness({ ...seen, sources: [source] }).kind === 'fresh') provenAt.set(source.source, goal.since);
    }
    const { since } = goal;
    if (seen.sources.every(({ source }) => provenAt.get(source) === since)) goal = undefined;
    const behind = await recordsBehind(view, await readEnds([...view.sources.keys()]));
    return {
      sources: seen.sources.map(({ source, topic }) => ({
        source,
        provenAt: provenAt.get(source),
        behindRecords: behind.get(topic),
      })),
    };
  };
}

/** By topic. */
async function recordsBehind(view: FreshnessView, ends: readonly Position[]): Promise<ReadonlyMap<string, bigint>> {
  const progress = await readProgress(view.database, [...view.sources.keys()]);
  const applied = new Map(progress.map((at) => [partitionKey(at), at.nextOffset]));
  const behind = new Map<string, bigint>();
  for (const end of ends) {
    const left = end.nextOffset - (applied.get(partitionKey(end)) ?? 0n);
    behind.set(end.topic, (behind.get(end.topic) ?? 0n) + (left > 0n ? left : 0n));
  }
  return behind;
}
