import type { StudentId } from '../activity/activity.ts';
import type { AttemptSource } from '../activity/activity-of.ts';
import type { Instant } from '../activity/instant.ts';
import type { Source } from '../activity/source.ts';
import type { CaptureLook } from '../freshness/capture-evidence-pipeline.ts';
import { closeBreaks } from '../freshness/capture-evidence-store.ts';
import { currentPosition, isStandby } from '../freshness/replication-store.ts';
import type { AuditResult, Repair } from '../history/audit-runs-store.ts';
import type { LearnerRow } from '../last-seen/fold.ts';
import { closeGaps } from '../last-seen/gaps-store.ts';
import { closeComparedLetters, markDriftingLetters } from '../last-seen/letters-store.ts';
import { countLastSeen, streamLastSeen } from '../last-seen/rows-store.ts';
import type { Database, Lsn, Queryable } from '../postgres/database.ts';
import { withLock } from '../postgres/locks.ts';
import { LastseenError } from '../runtime/errors.ts';
import { must } from '../runtime/must.ts';
import { readSourceLearners } from '../source-activity/learners-store.ts';
import { mergeByLearner } from '../source-activity/merge-by-learner.ts';
import { compareLearner, isDrift } from './comparison.ts';
import { addRepairs, lowerAhead, NO_REPAIRS, type Repaired, raiseDrifting } from './repair-pipeline.ts';
import { completeAudit, failAudit, openAudit } from './runs-store.ts';
import { type ComparedLearner, createTally, type Sample } from './tally.ts';

export interface AuditDeps {
  /** Own tables. */
  readonly database: Database;
  /** The primary of the source tables: `database`, unless they are in another one. */
  readonly sourcePrimary: Database;
  /**
   * Reads the source tables, with a pool of its own. It may be a replica, because rows that a replica lacks only make the
   * table `ahead`; `trust_source` needs the primary.
   */
  readonly sourceDatabase: Database;
  readonly sources: ReadonlySet<Source>;
  /** The topics of the sources. An audit without drift closes their gaps. */
  readonly topics: readonly string[];
  readonly attemptSource: AttemptSource;
  readonly maxClockSkewUs: bigint;
  readonly newRunId: () => string;
  /** The wall clock, only for the history. */
  readonly now: () => Instant;
  /** Rejects unless everything that is committed at the time of the call is applied. */
  readonly proveApplied: () => Promise<void>;
  /** Records what is seen of capture, and whether it broke since the look before. */
  readonly lookAtCapture: () => Promise<CaptureLook>;
  /** Whether to end after the current batch. */
  readonly isStopping: () => boolean;
  readonly showProgress: (learners: number) => { update(done: number): void; end(): void };
}

export interface AuditPlan {
  readonly repair: Repair;
  /** Per field and result of the comparison. */
  readonly maxSamples: number;
}

export interface AuditOutcome extends AuditResult {
  readonly runId: string;
  readonly samples: readonly Sample[];
  readonly gapsClosed: number;
  readonly lettersClosed: number;
  readonly breaksClosed: number;
}

/** Learners per batch: the most that is held in memory, and the rows of one repair transaction. */
const BATCH_LEARNERS = 1_000;

/**
 * Compares `user_last_seen` with one snapshot of the source tables. What was committed before the snapshot must be in the
 * table once it is proven applied. Both sides are read in order of student id and merged, so memory use does not depend
 * on the number of learners.
 *
 * @throws LastseenError `busy` if another audit is running, `not_fresh`, `interrupted`.
 */
export function audit(deps: AuditDeps, plan: AuditPlan): Promise<AuditOutcome> {
  const { database } = deps;
  return withLock(database, 'audit', async () => {
    const runId = deps.newRunId();
    await openAudit(database, runId, { sources: [...deps.sources], repair: plan.repair, startedAt: deps.now() });
    try {
      const before = await deps.lookAtCapture();
      const { samples, isPrimary, ...result } =
        plan.repair === 'trust_source'
          ? await database.snapshot((before) => auditSnapshot(deps, { ...plan, runId }, before))
          : await auditSnapshot(deps, { ...plan, runId }, undefined);
      const breaks = brokenOnlyBefore(before, await deps.lookAtCapture());
      const closed = await database.transaction(async (tx) => {
        await completeAudit(tx, runId, result);
        // A replica may lack the records of a gap or a letter.
        if (result.status === 'drift' || !isPrimary) return { gapsClosed: 0, lettersClosed: 0, breaksClosed: 0 };
        const by = `audit ${runId}`;
        return {
          gapsClosed: await closeGaps(tx, deps.topics, result.snapshotAt, by),
          lettersClosed: await closeComparedLetters(tx, deps.topics, result.snapshotAt, by),
          breaksClosed: await closeBreaks(tx, breaks, [...deps.sources], by),
        };
      });
      return { runId, ...result, ...closed, samples };
    } catch (error) {
      // The message of an unknown error is not stored: it may quote a row.
      const failure = error instanceof LastseenError ? error.message : 'an unknown error';
      await failAudit(database, runId, failure).catch(() => {
        // The first error is the one to report. The next audit closes the row that is still "running".
      });
      throw error;
    }
  });
}

/** The breaks that were open before the snapshot; none if capture broke during the audit, which then proves nothing. */
function brokenOnlyBefore(before: CaptureLook, after: CaptureLook): CaptureLook['open'] {
  const known = new Set(before.open.map(({ breakId }) => breakId));
  return after.open.every(({ breakId }) => known.has(breakId)) ? before.open : [];
}

interface IdentifiedPlan extends AuditPlan {
  readonly runId: string;
}

type Findings = AuditResult & { readonly samples: readonly Sample[] };

/** @param before a snapshot of the table from before the snapshot of the sources; needed to lower rows. */
function auditSnapshot(
  deps: AuditDeps,
  plan: IdentifiedPlan,
  before: Queryable | undefined,
): Promise<Findings & { readonly isPrimary: boolean }> {
  return deps.sourceDatabase.snapshot(async (sources, snapshotAt) => {
    // Read after the snapshot was taken, so that everything in the snapshot is before this position.
    const snapshotLsn = must(await currentPosition(deps.sourcePrimary, 0n), 'the clock of the primary is after 1970');
    await deps.proveApplied();
    const isPrimary = !(await isStandby(sources));
    const findings = await deps.database.snapshot((table) =>
      compareAndRepair(deps, plan, { before, sources, table, snapshotAt, snapshotLsn }),
    );
    return { ...findings, isPrimary };
  });
}

interface Snapshots {
  readonly before: Queryable | undefined;
  readonly sources: Queryable;
  readonly table: Queryable;
  readonly snapshotAt: Instant;
  readonly snapshotLsn: Lsn;
}

async function compareAndRepair(deps: AuditDeps, plan: IdentifiedPlan, snapshots: Snapshots): Promise<Findings> {
  const { snapshotAt, snapshotLsn, table } = snapshots;
  const tally = createTally(deps.sources, plan.maxSamples);
  const progress = deps.showProgress(await countLastSeen(table));
  let repairs = NO_REPAIRS;
  let refused = 0;
  let batch: ComparedLearner[] = [];
  const endBatch = async () => {
    const repaired = await repairBatch(deps, plan, snapshots.before, batch);
    const left = plan.repair === 'none' ? driftingOf(batch) : repaired.refused;
    await markDriftingLetters(deps.database, plan.runId, left);
    refused += repaired.refused.length;
    repairs = addRepairs(repairs, repaired.counts);
    batch = [];
  };
  const { sources, attemptSource, maxClockSkewUs } = deps;
  // The rows that `track` would have made; no row in the snapshot was committed later.
  const expected = readSourceLearners(snapshots.sources, [...sources], attemptSource, snapshotAt + maxClockSkewUs);
  try {
    const sides = mergeByLearner<LearnerRow>([expected, streamLastSeen(table)]);
    for await (const { studentId, rows } of sides) {
      const [atSource, stored] = rows;
      const comparisons = compareLearner(atSource, stored, deps.sources);
      const learner = { studentId, expected: atSource, stored, comparisons };
      if (tally.add(learner)) batch.push(learner);
      progress.update(tally.learners());
      if (tally.learners() % BATCH_LEARNERS > 0) continue;
      await endBatch();
      if (deps.isStopping()) {
        throw new LastseenError('interrupted', 'stopped by a signal: the audit has no result; finished repairs remain');
      }
    }
    await endBatch();
  } finally {
    progress.end();
  }
  const { samples, ...counts } = tally.result();
  const isClean = counts.drifting === 0 && repairs.lowered + repairs.deleted === 0;
  const status = isClean ? 'clean' : plan.repair === 'none' || refused > 0 ? 'drift' : 'repaired';
  const drifting = refused > 0 ? refused : counts.drifting;
  return { status, snapshotAt, snapshotLsn, ...counts, drifting, ...repairs, samples };
}

async function repairBatch(
  { database, sources }: AuditDeps,
  { repair }: AuditPlan,
  before: Queryable | undefined,
  batch: readonly ComparedLearner[],
): Promise<Repaired> {
  if (repair === 'none') return { counts: NO_REPAIRS, refused: [] };
  // Lowering comes first: it changes only rows that are still as they were compared.
  const lowered = before === undefined ? NO_REPAIRS : await lowerAhead(database, before, sources, batch);
  const { counts, refused } = await raiseDrifting(database, batch);
  return { counts: addRepairs(lowered, counts), refused };
}

function driftingOf(batch: readonly ComparedLearner[]): StudentId[] {
  return batch.filter(({ comparisons }) => isDrift(comparisons)).map(({ studentId }) => studentId);
}
