import { v7 as uuidv7 } from 'uuid';
import { SOURCES, type Source } from '../activity/source.ts';
import { openKafka, openRegistry } from '../cli/connections.ts';
import { readRange } from '../cli/read-ranges.ts';
import type { CommandContext } from '../cli/run-command.ts';
import { notificationTopic } from '../config/topic-names.ts';
import { inactivityRelay } from '../events/relays-wiring.ts';
import { requireTopics, writtenPositions } from '../kafka/admin/admin.ts';
import { deleteGroup, positionsAt, topicBounds } from '../kafka/admin/topic-bounds.ts';
import type { KafkaClient } from '../kafka/client/client.ts';
import { createProducer } from '../kafka/client/producer.ts';
import type { PartitionRange } from '../kafka/consumer/offset-range.ts';
import { missingHistory, rangesBetween, rangesLeft } from '../kafka/consumer/replay-ranges.ts';
import { digestLastSeen } from '../last-seen/digest-store.ts';
import { readProgress } from '../last-seen/progress-store.ts';
import type { Database } from '../postgres/database.ts';
import { withLock } from '../postgres/locks.ts';
import type { Registry } from '../registry/client.ts';
import { LastseenError } from '../runtime/errors.ts';
import { pauseUnless } from '../runtime/pauses.ts';
import { closeAllEpisodes } from '../sweep/returns-store.ts';
import { collectDeps } from '../track/wiring.ts';
import { createReplay, intoLastSeen, intoShadow, nothingDone, type ReplayDone } from './pipeline.ts';
import { type ReplayPlan, replayIdOf } from './plan.ts';
import { takeOver } from './rebuild-pipeline.ts';
import { type Corrections, knownSources } from './rebuild-store.ts';
import type { ReplayOutcome } from './replay-page.ts';
import { untilSnapshotDelivered } from './snapshot-pipeline.ts';
import { askForSnapshot } from './snapshot-signal-store.ts';
import {
  emptyShadow,
  endReplayAt,
  findReplay,
  forgetReplay,
  goOnInGroup,
  keepReplay,
  type ReplayState,
} from './state-store.ts';

/** Said to whoever has interrupted it. */
const GOES_ON = 'the same command goes on where this one was';

interface Replay {
  readonly context: CommandContext;
  readonly database: Database;
  readonly kafka: KafkaClient;
  readonly registry: Registry;
  readonly plan: ReplayPlan;
  readonly replayId: string;
}

/**
 * One replay, from its beginning or from where it was interrupted, to its end; one at a time.
 *
 * @throws LastseenError `busy`, `interrupted`, `replay_lost`, `not_rebuildable`, `snapshot_failed`.
 */
export function runReplay(context: CommandContext, database: Database, plan: ReplayPlan): Promise<ReplayOutcome> {
  return withLock(database, 'replay', async () => {
    const replay: Replay = {
      context,
      database,
      kafka: openKafka(context),
      registry: openRegistry(context.settings),
      plan,
      replayId: replayIdOf(plan),
    };
    await requireTopics(replay.kafka, [
      ...plan.topics.keys(),
      ...(plan.snapshot ? [notificationTopic(context.settings)] : []),
    ]);
    const state = await openState(replay);
    const ranges = state.snapshotId === null ? state.ranges : await readSnapshot(replay, state, state.snapshotId);
    const { done, corrections } = plan.rebuild
      ? await rebuild(replay, { ...state, ranges })
      : { done: await read(replay, { ...state, ranges }), corrections: undefined };
    const returned = plan.emit ? await emitReturns(replay, done) : 0;
    const digest = await digestLastSeen(database);
    await database.transaction(async (tx) => {
      await forgetReplay(tx, replay.replayId);
      if (plan.rebuild) await emptyShadow(tx);
    });
    return { ...done, returned, corrections, ...digest };
  });
}

/** What was kept of it, or a new beginning. */
async function openState(replay: Replay): Promise<ReplayState<ReplayDone>> {
  const { context, database, kafka, plan, replayId } = replay;
  const topics = [...plan.topics.keys()];
  const kept = await findReplay<ReplayDone>(database, replayId);
  const groupId = `lastseen-replay-${replayId}-${uuidv7()}`;
  const bounds = await topicBounds(kafka, topics);
  if (kept !== undefined && !plan.restart) {
    const ranges = rangesLeft(kept.ranges, bounds);
    await goOnInGroup(database, replayId, groupId);
    context.log.info({ event: 'replay_resumed', replayId }, 'going on where it was interrupted');
    return { ...kept, groupIds: [...kept.groupIds, groupId], ranges };
  }
  if (plan.rebuild) await requireHistory(replay);
  const state = {
    groupIds: [...(kept?.groupIds ?? []), groupId],
    intoShadow: plan.rebuild,
    snapshotId: plan.snapshot ? uuidv7() : null,
    done: nothingDone(),
    ranges: await wantedRanges(replay),
  };
  await database.transaction(async (tx) => {
    await keepReplay(tx, replayId, state);
    if (state.snapshotId !== null) await askForSnapshot(tx, state.snapshotId, plan.topics.values());
  });
  return state;

  async function wantedRanges({ plan: { rebuild, snapshot, from, to } }: Replay): Promise<PartitionRange[]> {
    if (rebuild) return bounds.map(({ topic, partition, firstOffset }) => ({ topic, partition, firstOffset }));
    if (snapshot) {
      return bounds.map(({ topic, partition, endOffset }) => ({ topic, partition, firstOffset: endOffset }));
    }
    return rangesBetween(
      bounds,
      from === 'earliest' ? undefined : await positionsAt(kafka, topics, milliseconds(from)),
      to === undefined ? undefined : await positionsAt(kafka, topics, milliseconds(to)),
    );
  }

  /** Rebuilt from less than everything, rows would be set back that are right. */
  async function requireHistory({ plan: { snapshot, topics: read } }: Replay): Promise<void> {
    const { missing, anew } = missingHistory(bounds, await readProgress(database, topics));
    const isRead = (source: Source) =>
      [...read.values()].includes(source) ||
      (source === 'attempt' && context.settings.ATTEMPT_SOURCE === 'exam_results');
    const unread = await knownSources(
      database,
      SOURCES.filter((source) => !isRead(source)),
    );
    const reasons = [
      ...(snapshot ? [] : missing),
      ...anew,
      ...unread.map((source) => `the table knows ${source}, which is not among SOURCES`),
    ];
    if (reasons.length === 0) return;
    throw new LastseenError('not_rebuildable', reasons.map((reason) => `cannot rebuild: ${reason}`).join('\n'));
  }
}

/** The first millisecond that is not before the instant: Kafka's record times have no more. */
function milliseconds(instant: bigint): number {
  return Number((instant + 999n) / 1000n);
}

/** Waits until the snapshot is in the topics. @returns what is to be read. */
async function readSnapshot(
  { context, database, kafka, registry, plan, replayId }: Replay,
  { ranges }: ReplayState<ReplayDone>,
  snapshotId: string,
): Promise<readonly PartitionRange[]> {
  if (ranges.every(({ endOffset }) => endOffset !== undefined)) return ranges;
  await untilSnapshotDelivered(context, { database, kafka, registry, snapshotId, topics: plan.topics });
  if (plan.rebuild) return ranges;
  const ends = await writtenPositions(kafka, [...plan.topics.keys()]);
  await endReplayAt(database, replayId, ends);
  const endOf = new Map(ends.map((end) => [`${end.topic}/${end.partition}`, end.nextOffset]));
  return ranges.map((range) => ({ ...range, endOffset: endOf.get(`${range.topic}/${range.partition}`) ?? 0n }));
}

/** Reads the ranges into the table. */
async function read(replay: Replay, state: ReplayState<ReplayDone>): Promise<ReplayDone> {
  const { context, plan } = replay;
  const write = intoLastSeen(plan.emit ? context.now : undefined);
  return readWith(replay, state, write, { ends: [] });
}

/** Reads everything into the shadow, and takes over from there. */
async function rebuild(
  replay: Replay,
  state: ReplayState<ReplayDone>,
): Promise<{ done: ReplayDone; corrections: Corrections | undefined }> {
  const { context, database, kafka, plan, replayId } = replay;
  const ends = await writtenPositions(kafka, [...plan.topics.keys()]);
  let corrections: Corrections | undefined;
  const done = await readWith(replay, state, intoShadow, {
    ends,
    afterwards: async (ending) => {
      corrections = await takeOver({
        database,
        replayId,
        now: () => performance.now(),
        pause: pauseUnless(ending),
        onWaiting: (behind) =>
          context.log.info({ event: 'replay_waiting', behind: Number(behind) }, 'catching up with track'),
      });
    },
  });
  return { done, corrections };
}

async function readWith(
  { context, database, kafka, registry, plan, replayId }: Replay,
  { groupIds, ranges, done: before }: ReplayState<ReplayDone>,
  write: Parameters<typeof createReplay>[0]['write'],
  more: Pick<Parameters<typeof readRange>[1], 'ends' | 'afterwards'>,
): Promise<ReplayDone> {
  let done = before;
  const stages = createReplay({
    ...collectDeps(context.settings, registry, plan.topics),
    database,
    replayId,
    done,
    write,
    onApplied: (total) => {
      done = total;
    },
  });
  await readRange(context, {
    kafka,
    groupId: groupIds.at(-1) ?? '',
    ranges,
    stages,
    what: 'replay',
    whenStopped: GOES_ON,
    ...more,
  });
  // Of those that were killed the brokers may think as of members still: what cannot be deleted by now expires.
  for (const groupId of groupIds.slice(0, -1)) await deleteGroup(kafka, groupId, context.log);
  return done;
}

/** Publishes what was told; a rebuild first tells what its one transaction has left to be told. */
async function emitReturns({ context, database, kafka, registry, plan }: Replay, done: ReplayDone): Promise<number> {
  const producer = createProducer(kafka);
  try {
    const relay = await inactivityRelay(context, registry, database, producer);
    const closed = plan.rebuild ? await database.transaction((tx) => closeAllEpisodes(tx, context.now())) : 0;
    await relay();
    return done.returned + closed;
  } finally {
    await producer.close();
  }
}
