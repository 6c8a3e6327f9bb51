import type { Instant } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
import { auditedSources } from '../history/audit-runs-store.ts';
import { readSourceVolumes } from '../history/sweep-runs-store.ts';
import type { SourceVolume } from '../history/usual-volume.ts';
import { type Position, partitionKey } from '../kafka/client/records.ts';
import { openGaps } from '../last-seen/gaps-store.ts';
import { readProgress } from '../last-seen/progress-store.ts';
import type { Database, Lsn } from '../postgres/database.ts';
import { isRetriable, LastseenError } from '../runtime/errors.ts';
import { type Freshness, freshness, missingSlot, type Observation, type SourceEnds } from './judgement.ts';
import { currentPosition, observeSlot, publishedSources, slotExists, sourcesWithRows } from './replication-store.ts';

/** What a look takes. */
export interface FreshnessView {
  /** The source's primary, with own tables. */
  readonly database: Database;
  /** The enabled sources by their topics. */
  readonly sources: ReadonlyMap<string, Source>;
  readonly slot: string;
  readonly publication: string;
  /** Where the topics end now; topics that do not exist are left out. */
  readonly readEnds: (topics: readonly string[]) => Promise<readonly Position[]>;
  readonly now: () => Instant;
}

export interface FreshnessDeps extends FreshnessView {
  readonly waitMs: number;
  /** False where the process was told to stop. */
  readonly pause: (ms: number) => Promise<boolean>;
  readonly onWaiting?: (reasons: readonly string[]) => void;
}

const LOOK_EVERY_MS = 500;

/** What does not change from one look to the next: positions that were fixed once are waited for, not chased. */
export interface Goal {
  readonly hasRows: ReadonlySet<Source>;
  readonly history: ReadonlyMap<Source, readonly SourceVolume[]>;
  readonly asksForGaps: boolean;
  position: Lsn | undefined;
  ends: Ends | undefined;
}

interface Ends {
  readonly positions: readonly Position[];
  readonly at: Instant;
  /** What was applied right before the ends were read, by partition. */
  readonly appliedBefore: ReadonlyMap<string, bigint>;
}

/**
 * Proves that whatever was committed at the source before the as-of is applied, or waits for it: the source's position
 * at or after the as-of, the connector's slot past it, then the topics' ends, then `track`'s progress at each.
 *
 * @returns how many records each source's topic has been given.
 * @throws LastseenError `not_fresh` with every reason, a line each.
 */
export async function proveFresh(deps: FreshnessDeps, asOf: Instant): Promise<SourceEnds> {
  // Before the position is noted: what these rows are of must then be in the topics.
  return prove(deps, asOf, await knownBefore(deps));
}

type Known = Pick<Goal, 'hasRows' | 'history' | 'asksForGaps'>;

/** What a proof is judged by besides the way of the records. */
export async function knownBefore(view: FreshnessView): Promise<Known> {
  return { hasRows: await notKnownComplete(view), history: await readSourceVolumes(view.database), asksForGaps: true };
}

/**
 * The same of what is committed by now, for whoever holds the table against the sources afterwards: whether a source is
 * captured at all, or has fallen silent, is then seen.
 *
 * @throws LastseenError `not_fresh` with every reason, a line each.
 */
export async function proveApplied(deps: FreshnessDeps): Promise<void> {
  await prove(deps, 0n, { hasRows: new Set(), history: new Map(), asksForGaps: false });
}

/** Whose tables have rows, but for those that an audit has found, or left, complete. */
async function notKnownComplete({ database, sources }: FreshnessView): Promise<ReadonlySet<Source>> {
  const audited = await auditedSources(database);
  return sourcesWithRows(
    database,
    [...sources.values()].filter((source) => !audited.has(source)),
  );
}

async function prove(deps: FreshnessDeps, asOf: Instant, known: Known): Promise<SourceEnds> {
  const goal: Goal = { ...known, position: undefined, ends: undefined };
  const giveUpAt = deps.now() + BigInt(Math.round(deps.waitMs)) * 1000n;
  for (;;) {
    const verdict = await look(deps, goal, asOf);
    switch (verdict.kind) {
      case 'fresh':
        return verdict.ends;
      case 'broken':
        throw notFresh(verdict.reasons);
      case 'behind':
        if (deps.now() >= giveUpAt || !(await deps.pause(LOOK_EVERY_MS))) throw notFresh(verdict.reasons);
        deps.onWaiting?.(verdict.reasons);
    }
  }
}

function notFresh(reasons: readonly string[]): LastseenError {
  return new LastseenError('not_fresh', reasons.map((reason) => `not fresh: ${reason}`).join('\n'));
}

/** An outage is a reason to wait like any other: what cannot be seen is not fresh. */
async function look(deps: FreshnessDeps, goal: Goal, asOf: Instant): Promise<Freshness> {
  try {
    goal.position ??= await notePosition(deps, asOf);
    if (goal.position === undefined) {
      return { kind: 'behind', reasons: ["the source database's clock has not come to the as-of"] };
    }
    return freshness(await observe(deps, goal, goal.position));
  } catch (error) {
    if (!isRetriable(error)) throw error;
    return { kind: 'behind', reasons: [(error as Error).message] };
  }
}

/**
 * Only once the slot is there: a slot that is made later starts past the position, with the snapshot still to come.
 */
export async function notePosition({ database, slot }: FreshnessView, asOf: Instant): Promise<Lsn | undefined> {
  if (!(await slotExists(database, slot))) throw notFresh([missingSlot(slot)]);
  return currentPosition(database, asOf);
}

/** Where the topics end now, and what was applied right before. */
export async function noteEnds({ database, sources, readEnds, now }: FreshnessView): Promise<Ends> {
  const topics = [...sources.keys()];
  const appliedBefore = await appliedOf(database, topics);
  return { positions: await readEnds(topics), at: now(), appliedBefore };
}

async function appliedOf(database: Database, topics: readonly string[]): Promise<ReadonlyMap<string, bigint>> {
  return new Map((await readProgress(database, topics)).map((at) => [partitionKey(at), at.nextOffset]));
}

export async function observe(deps: FreshnessView, goal: Goal, position: Lsn): Promise<Observation> {
  const { database, sources, publication } = deps;
  const topics = [...sources.keys()];
  const slot = await observeSlot(database, deps.slot, position);
  const published = await publishedSources(database, publication);
  if (slot.kind === 'past') goal.ends ??= await noteEnds(deps);
  const { ends } = goal;
  const applied = await appliedOf(database, topics);
  const gaps = goal.asksForGaps ? await openGaps(database, topics) : [];
  return {
    slot,
    publication,
    sources: [...sources].map(([topic, source]) => ({
      source,
      topic,
      published: published.has(source),
      hasRows: goal.hasRows.has(source),
      partitions: ends?.positions
        .filter((end) => end.topic === topic)
        .map((end) => ({
          partition: end.partition,
          end: end.nextOffset,
          applied: applied.get(partitionKey(end)),
          appliedBefore: ends.appliedBefore.get(partitionKey(end)),
        })),
      gaps: gaps.filter((gap) => gap.topic === topic),
      at: ends?.at ?? deps.now(),
      history: goal.history.get(source) ?? [],
    })),
  };
}
