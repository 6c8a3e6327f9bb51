import type { StudentId } from '../activity/activity.ts';
import type { AttemptSource } from '../activity/activity-of.ts';
import type { Instant } from '../activity/instant.ts';
import { smallerUserId } from '../activity/learner.ts';
import type { Source } from '../activity/source.ts';
import { currentPosition, isStandby } from '../freshness/replication-store.ts';
import { AUDITED, type AuditCounts, type Audited, STANDINGS, type Standing } from '../history/audit-counts.ts';
import type { AuditResult, Repair } from '../history/audit-runs-store.ts';
import type { LearnerRow } from '../last-seen/fold.ts';
import { closeGaps } from '../last-seen/gaps-store.ts';
import { countLastSeen, lastSeenInOrder } from '../last-seen/rows-store.ts';
import type { Database, Queryable } from '../postgres/database.ts';
import { withLock } from '../postgres/locks.ts';
import type { Lsn } from '../postgres/lsn.ts';
import { LastseenError } from '../runtime/errors.ts';
import { isDrift, standingsOf } from './comparison.ts';
import { alignedByLearner } from './merge-by-learner.ts';
import { type Differing, type Mended, NOTHING_MENDED, raiseBehind, setBackAhead } from './repair-pipeline.ts';
import { closeAudit, failAudit, openAudit } from './runs-store.ts';
import { sourceActivity } from './source-activity-store.ts';

export interface AuditDeps {
  /** Own tables, on the source's primary. */
  readonly database: Database;
  /**
   * Where the source tables are read, which may be a replica: what it does not have yet makes the table ahead. Only the
   * primary will do for `trust_source`. A pool of its own.
   */
  readonly source: Database;
  readonly sources: ReadonlySet<Source>;
  /** The sources' topics: what was never read of them is made up for by an audit without drift. */
  readonly topics: readonly string[];
  readonly attemptSource: AttemptSource;
  readonly maxClockSkewUs: bigint;
  readonly newRunId: () => string;
  /** The wall clock, for the history alone. */
  readonly now: () => Instant;
  /** Throws where it cannot be proven that whatever was committed by now is applied. */
  readonly proveApplied: () => Promise<void>;
  /** Whether to end after the batch in hand. */
  readonly isStopping: () => boolean;
  readonly showProgress: (learners: number) => { update(done: number): void; end(): void };
}

export interface AuditPlan {
  readonly repair: Repair;
  /** How many learners are named a source and standing. */
  readonly sample: number;
}

/** One of the learners who are not the same on both sides. */
export interface Sample {
  readonly studentId: StudentId;
  readonly of: Audited;
  readonly standing: Exclude<Standing, 'equal'>;
  readonly stored: Instant | string | null;
  readonly known: Instant | string | null;
}

export interface AuditOutcome extends AuditResult {
  readonly runId: string;
  readonly samples: readonly Sample[];
  /** So many gaps in what was read are made up for. */
  readonly gapsClosed: number;
}

/** Learners a batch: repaired in one transaction each way, and the most that is held of them. */
const BATCH = 1_000;

/**
 * Holds the table of last seen against one snapshot of the source tables: what was committed before it must be there
 * once it is proven applied. Both sides are read in order of their learners and compared side by side, so that memory
 * does not grow with their number.
 *
 * @throws LastseenError `busy` where another audit is running, `not_fresh`, `interrupted`.
 */
export function audit(deps: AuditDeps, plan: AuditPlan): Promise<AuditOutcome> {
  const { database } = deps;
  return withLock(database, 'audit', async () => {
    const runId = deps.newRunId();
    await openAudit(database, runId, { sources: [...deps.sources], repair: plan.repair, startedAt: deps.now() });
    try {
      const { samples, isPrimary, ...result } =
        plan.repair === 'trust_source'
          ? await database.snapshot((before) => auditAfter(deps, plan, before))
          : await auditAfter(deps, plan, undefined);
      const gapsClosed = await database.transaction(async (tx) => {
        await closeAudit(tx, runId, result);
        // A replica may lack what the gap held.
        if (result.status === 'drift' || !isPrimary) return 0;
        return closeGaps(tx, deps.topics, result.snapshotAt, `audit ${runId}`);
      });
      return { runId, ...result, gapsClosed, samples };
    } catch (error) {
      // Of an unknown error nothing is kept: its message may quote a row.
      const failure = error instanceof LastseenError ? error.message : 'an unknown error';
      await failAudit(database, runId, failure).catch(() => {
        // It stays "running" in the history until the next audit closes it; the first error is the one to tell.
      });
      throw error;
    }
  });
}

type Found = Omit<AuditOutcome, 'runId' | 'gapsClosed'> & { readonly isPrimary: boolean };

function auditAfter(deps: AuditDeps, plan: AuditPlan, before: Queryable | undefined): Promise<Found> {
  return deps.source.snapshot(async (sources, snapshotAt) => {
    // Not before the snapshot: all that it shows then lies before the position.
    const position = await positionNow(deps.database);
    await deps.proveApplied();
    const isPrimary = !(await isStandby(sources));
    const found = await deps.database.snapshot((table) =>
      compare(deps, plan, { before, sources, table, snapshotAt, position }),
    );
    return { ...found, isPrimary };
  });
}

async function positionNow(database: Database): Promise<Lsn> {
  const position = await currentPosition(database, 0n);
  if (position === undefined) throw new Error('the clock of the source database stands before 1970');
  return position;
}

interface Sides {
  readonly before: Queryable | undefined;
  readonly sources: Queryable;
  readonly table: Queryable;
  readonly snapshotAt: Instant;
  readonly position: Lsn;
}

async function compare(deps: AuditDeps, plan: AuditPlan, sides: Sides): Promise<Omit<Found, 'isPrimary'>> {
  const tally = createTally(deps.sources, plan.sample);
  let mended = NOTHING_MENDED;
  let batch: Differing[] = [];
  const progress = deps.showProgress(await countLastSeen(sides.table));
  const endBatch = async () => {
    mended = sum(mended, await mend(deps, plan, sides.before, batch));
    batch = [];
    progress.update(tally.learners());
  };
  try {
    for await (const [known, stored] of alignedByLearner([knownInOrder(deps, sides), lastSeenInOrder(sides.table)])) {
      const standings = standingsOf(known, stored, deps.sources);
      if (tally.add({ known, stored, standings })) batch.push({ known, stored, standings });
      if (tally.learners() % BATCH > 0) continue;
      await endBatch();
      if (deps.isStopping()) {
        throw new LastseenError('interrupted', 'interrupted: the audit says nothing; what was repaired so far stays');
      }
    }
    await endBatch();
  } finally {
    progress.end();
  }
  const { learners, drifting, counts, samples } = tally.result();
  const wrote = mended.setBack + mended.deleted > 0;
  const status = drifting === 0 && !wrote ? 'clean' : plan.repair === 'none' ? 'drift' : 'repaired';
  const { snapshotAt, position } = sides;
  return { status, snapshotAt, position, learners, drifting, counts, ...mended, samples };
}

/** What all audited sources together say of each learner they know. */
async function* knownInOrder(deps: AuditDeps, sides: Sides): AsyncGenerator<LearnerRow, void, undefined> {
  const sources = [...deps.sources];
  const until = sides.snapshotAt + deps.maxClockSkewUs;
  const streams = sources.map((source) => sourceActivity(sides.sources, source, deps.attemptSource, until));
  for await (const rows of alignedByLearner(streams)) {
    const known: { -readonly [K in keyof LearnerRow]: LearnerRow[K] } = {
      studentId: '' as StudentId,
      userId: null,
      exam_results: null,
      features_topic_daily: null,
      attempt: null,
      session: null,
    };
    for (const [at, source] of sources.entries()) {
      const row = rows[at];
      if (row === undefined) continue;
      known.studentId = row.studentId;
      known.userId = smallerUserId(known.userId, row.userId);
      known[source] = row.at;
    }
    yield known;
  }
}

async function mend(
  { database, sources }: AuditDeps,
  { repair }: AuditPlan,
  before: Queryable | undefined,
  differing: readonly Differing[],
): Promise<Mended> {
  if (repair === 'none') return NOTHING_MENDED;
  // First what is ahead, which is looked for as it was seen.
  const back = before === undefined ? NOTHING_MENDED : await setBackAhead(database, before, sources, differing);
  return sum(back, await raiseBehind(database, differing));
}

function sum(a: Mended, b: Mended): Mended {
  return {
    raised: a.raised + b.raised,
    setBack: a.setBack + b.setBack,
    deleted: a.deleted + b.deleted,
    moved: a.moved + b.moved,
  };
}

function createTally(sources: ReadonlySet<Source>, sample: number) {
  const nobody = () => Object.fromEntries(STANDINGS.map((standing) => [standing, 0])) as Record<Standing, number>;
  const audited = AUDITED.filter((each) => each === 'user_id' || sources.has(each));
  const counts = Object.fromEntries(audited.map((each) => [each, nobody()])) as Record<
    Audited,
    Record<Standing, number>
  >;
  const samples: Sample[] = [];
  let learners = 0;
  let drifting = 0;
  return {
    learners: () => learners,
    /** Whether the learner is not the same on both sides. */
    add({ known, stored, standings }: Differing): boolean {
      learners += 1;
      if (isDrift(standings)) drifting += 1;
      let isDifferent = false;
      for (const [of, standing] of standings) {
        counts[of][standing] += 1;
        if (standing === 'equal') continue;
        isDifferent = true;
        if (counts[of][standing] > sample) continue;
        const studentId = (known ?? stored)?.studentId as StudentId;
        samples.push({ studentId, of, standing, stored: sideOf(stored, of), known: sideOf(known, of) });
      }
      return isDifferent;
    },
    result: (): { learners: number; drifting: number; counts: AuditCounts; samples: readonly Sample[] } => ({
      learners,
      drifting,
      counts,
      samples,
    }),
  };
}

function sideOf(row: LearnerRow | undefined, of: Audited): Instant | string | null {
  return (of === 'user_id' ? row?.userId : row?.[of]) ?? null;
}
