import { v7 as uuidv7 } from 'uuid';
import type { AttemptSource } from '../activity/activity-of.ts';
import type { Instant } from '../activity/instant.ts';
import { SOURCES, type Source } from '../activity/source.ts';
import type { RangeReading } from '../cli/read-offset-ranges.ts';
import { type SourceDatabases, sourcePrimary } from '../freshness/replication-store.ts';
import { requireTopics } from '../kafka/admin/admin.ts';
import { deleteGroup } from '../kafka/admin/groups.ts';
import { offsetsForTime, type StableBounds, stablePositions, topicBounds } from '../kafka/admin/offsets.ts';
import type { KafkaClient } from '../kafka/client/client.ts';
import { partitionKey } from '../kafka/client/records.ts';
import { missingHistory, remainingRanges } from '../kafka/consumer/offset-ranges.ts';
import { digestLastSeen } from '../last-seen/digest-store.ts';
import { readProgress } from '../last-seen/progress-store.ts';
import { withLock } from '../postgres/locks.ts';
import { LastseenError } from '../runtime/errors.ts';
import type { Logger } from '../runtime/logging.ts';
import { must } from '../runtime/must.ts';
import { pause } from '../runtime/retries.ts';
import { closeAllEpisodes } from '../sweep/returns-store.ts';
import type { CollectDeps } from '../track/collect-pipeline.ts';
import { plannedRanges, type ReplayPlan, replayIdOf } from './plan.ts';
import { swapInShadow } from './rebuild-pipeline.ts';
import { type Corrections, sourcesInTable } from './rebuild-store.ts';
import type { ReplayOutcome } from './replay-page.ts';
import { requestSnapshot } from './snapshot-request-store.ts';
import { createReplayStages, type ReplayWrite, writeLastSeen, writeShadow } from './stages-pipeline.ts';
import {
  addReplayGroup,
  deleteReplay,
  emptyShadow,
  loadReplay,
  type ReplayState,
  saveReplay,
  setReplayEnds,
} from './state-store.ts';
import { type ReplayTotals, zeroTotals } from './totals.ts';

export interface ReplayDeps extends SourceDatabases {
  readonly kafka: KafkaClient;
  readonly collect: CollectDeps;
  /** Names the consumer group of one run. */
  readonly newGroup: () => string;
  readonly attemptSource: AttemptSource;
  /** Debezium reports the progress of a snapshot here. */
  readonly notificationTopic: string;
  /** Resolves when every row of the snapshot is in the topics. */
  readonly waitForSnapshot: (snapshotId: string) => Promise<void>;
  readonly readOffsetRanges: <A>(reading: Omit<RangeReading<A>, 'kafka'>) => Promise<void>;
  /** Calls `work` with the relay that publishes the outbox of inactivity events. */
  readonly withRelay: <T>(work: (relay: () => Promise<unknown>) => Promise<T>) => Promise<T>;
  readonly now: () => Instant;
  readonly log: Logger;
}

interface Replay extends ReplayDeps {
  readonly plan: ReplayPlan;
  readonly topics: readonly string[];
  readonly replayId: string;
}

/**
 * Runs one replay to its end, from its start or from its saved state. Only one replay runs at a time.
 *
 * @throws LastseenError `busy`, `interrupted`, `replay_lost`, `not_rebuildable`, `snapshot_failed`.
 */
export function runReplay(deps: ReplayDeps, plan: ReplayPlan): Promise<ReplayOutcome> {
  const { database } = deps;
  return withLock(database, 'replay', async () => {
    const replay: Replay = { ...deps, plan, topics: [...plan.topics.keys()], replayId: replayIdOf(plan) };
    await requireTopics(deps.kafka, [...replay.topics, ...(plan.snapshot ? [deps.notificationTopic] : [])]);
    const opened = await openState(replay);
    const state = opened.snapshotId === null ? opened : await awaitSnapshot(replay, opened, opened.snapshotId);
    const { totals, corrections } = plan.rebuild
      ? await rebuild(replay, state)
      : { totals: await raise(replay, state), corrections: undefined };
    const returned = plan.emit ? await publishReturns(replay, totals) : 0;
    const digest = await digestLastSeen(database);
    await database.transaction(async (tx) => {
      await deleteReplay(tx, replay.replayId);
      if (plan.rebuild) await emptyShadow(tx);
    });
    return { ...totals, returned, corrections, ...digest };
  });
}

/** Resumes the saved state, or saves a new one and requests the snapshot. */
async function openState(replay: Replay): Promise<ReplayState> {
  const { database, kafka, log, plan, topics, replayId, newGroup } = replay;
  const saved = await loadReplay(database, replayId);
  const groupId = newGroup();
  const bounds = await topicBounds(kafka, topics);
  if (saved !== undefined && !plan.restart) {
    const ranges = remainingRanges(saved.ranges, bounds);
    await addReplayGroup(database, replayId, groupId);
    log.info({ event: 'replay_resumed', replayId }, 'resuming the interrupted replay');
    return { ...saved, groupIds: [...saved.groupIds, groupId], ranges };
  }
  if (plan.rebuild) await requireHistory(replay, bounds);
  const state = {
    groupIds: [...(saved?.groupIds ?? []), groupId],
    intoShadow: plan.rebuild,
    snapshotId: plan.snapshot ? uuidv7() : null,
    totals: zeroTotals(),
    ranges: plannedRanges(plan, bounds, await offsetsAt(replay, plan.from), await offsetsAt(replay, plan.to)),
  };
  const { snapshotId } = state;
  const primary = snapshotId === null ? database : await sourcePrimary(replay);
  await database.transaction(async (tx) => {
    await saveReplay(tx, replayId, state);
    // In another database the request commits first: a snapshot without a saved state is only superfluous.
    if (snapshotId !== null)
      await requestSnapshot(primary === database ? tx : primary, snapshotId, plan.topics.values());
  });
  return state;
}

/** @returns undefined if the plan has no instant. */
async function offsetsAt({ kafka, topics }: Replay, instant: Instant | 'earliest' | undefined) {
  if (typeof instant !== 'bigint') return undefined;
  // Kafka's record times have millisecond precision: the first one that is not before the instant.
  return offsetsForTime(kafka, topics, Number((instant + 999n) / 1000n));
}

/**
 * A rebuild from an incomplete history would lower instants that are right.
 *
 * @throws LastseenError `not_rebuildable` with all reasons.
 */
async function requireHistory(replay: Replay, bounds: readonly StableBounds[]): Promise<void> {
  const { database, attemptSource, plan, topics } = replay;
  const { missing, recreated } = missingHistory(bounds, await readProgress(database, topics));
  const isRead = (source: Source) =>
    [...plan.topics.values()].includes(source) || (source === 'attempt' && attemptSource === 'exam_results');
  const unread = await sourcesInTable(
    database,
    SOURCES.filter((source) => !isRead(source)),
  );
  const reasons = [
    ...(plan.snapshot ? [] : missing),
    ...recreated,
    ...unread.map((source) => `the table has instants of ${source}, which is not in SOURCES`),
  ];
  if (reasons.length === 0) return;
  throw new LastseenError('not_rebuildable', reasons.map((reason) => `cannot rebuild: ${reason}`).join('\n'));
}

/** Waits until the snapshot is in the topics. A replay that is no rebuild then ends at the current ends. */
async function awaitSnapshot(replay: Replay, state: ReplayState, snapshotId: string): Promise<ReplayState> {
  const { database, kafka, plan, topics, replayId } = replay;
  if (state.ranges.every(({ endOffset }) => endOffset !== undefined)) return state;
  await replay.waitForSnapshot(snapshotId);
  if (plan.rebuild) return state;
  const ends = await stablePositions(kafka, topics);
  await setReplayEnds(database, replayId, ends);
  const endOf = new Map(ends.map((end) => [partitionKey(end), end.nextOffset]));
  const ranges = state.ranges.map((range) => ({
    ...range,
    endOffset: must(endOf.get(partitionKey(range)), 'every partition of the topics has an end'),
  }));
  return { ...state, ranges };
}

/** Reads the ranges into `user_last_seen`. */
function raise(replay: Replay, state: ReplayState): Promise<ReplayTotals> {
  return readRemaining(replay, state, writeLastSeen(replay.plan.emit ? replay.now : undefined));
}

/** Reads all records into the shadow, and corrects `user_last_seen` from it. */
async function rebuild(
  replay: Replay,
  state: ReplayState,
): Promise<{ totals: ReplayTotals; corrections: Corrections | undefined }> {
  const { database, kafka, log, topics, replayId } = replay;
  const ends = await stablePositions(kafka, topics);
  let corrections: Corrections | undefined;
  const totals = await readRemaining(replay, state, writeShadow, {
    ends,
    afterwards: async (stopping) => {
      corrections = await swapInShadow({
        database,
        replayId,
        now: () => performance.now(),
        pause: (ms) => pause(ms, stopping),
        onWaiting: (behind) => log.info({ event: 'replay_waiting', behind: Number(behind) }, 'catching up with track'),
      });
    },
  });
  return { totals, corrections };
}

async function readRemaining(
  { database, kafka, log, collect, readOffsetRanges, replayId }: Replay,
  { groupIds, ranges, totals }: ReplayState,
  write: ReplayWrite,
  more: Pick<RangeReading<unknown>, 'ends' | 'afterwards'> = {},
): Promise<ReplayTotals> {
  const stages = createReplayStages({ ...collect, database, replayId, totals, write });
  await readOffsetRanges({
    groupId: must(groupIds.at(-1), 'opening the state added a group'),
    ranges,
    stages,
    what: 'replay',
    whenStopped: 'the same command resumes this replay',
    ...more,
  });
  // The brokers may still list the members of killed processes. A group that cannot be deleted for this reason expires.
  for (const groupId of groupIds.slice(0, -1)) await deleteGroup(kafka, groupId, log);
  return stages.totals;
}

/** Publishes the returns. Only after a rebuild are episodes closed here: its correction closes none. */
function publishReturns({ database, withRelay, now, plan }: Replay, { returned }: ReplayTotals): Promise<number> {
  return withRelay(async (relay) => {
    const closed = plan.rebuild ? await database.transaction((tx) => closeAllEpisodes(tx, now())) : 0;
    await relay();
    return returned + closed;
  });
}
