import type { StudentId } from '../activity/activity.ts';
import { formatInstant, type Instant } from '../activity/instant.ts';
import { SOURCE_FACTS, type Source } from '../activity/source.ts';
import type { SettingName } from '../config/settings.ts';
import type { Database } from '../postgres/database.ts';
import { unreadableTables } from '../preflight/source-tables.ts';
import { requireNoFailure } from '../preflight/start-pipeline.ts';
import { LastseenError } from '../runtime/errors.ts';
import { must } from '../runtime/must.ts';
import { settleAll } from '../runtime/waiting.ts';
import { castOf, type LearnerColumn, newerActivity } from '../source-activity/newer-store.ts';
import { readSourceTables } from '../source-activity/tables-store.ts';
import {
  type CandidateBatch,
  type ContradictedLearner,
  judgeNewer,
  listContradicted,
  type NewerCounts,
  noteNewer,
  readCandidates,
} from './candidates-store.ts';

export interface VerifyDeps {
  /** Reads the source tables; it may be a replica. */
  readonly sourceDatabase: Database;
  /** The captured sources, each with its learner column. */
  readonly sources: ReadonlyMap<Source, LearnerColumn>;
  readonly maxClockSkewUs: bigint;
  /** Rejects unless the source database shows everything that was committed before the call. */
  readonly waitForReplica: () => Promise<void>;
  /** Rejects unless everything that was committed before the call is applied. */
  readonly proveApplied: (asOf: Instant) => Promise<unknown>;
  /** Learners per look-up; default 10,000. */
  readonly batchLearners?: number;
}

export interface Verification extends NewerCounts {
  /** All candidates. */
  readonly verified: bigint;
  /** Some of the contradicted learners. */
  readonly examples: readonly ContradictedLearner[];
}

const BATCH_LEARNERS = 10_000;
const EXAMPLES = 10;

/**
 * Looks up the stored candidates in the source tables, in batches. If any has a later activity than in `user_last_seen`,
 * everything committed until then is proven to be applied, and the rows are read again.
 *
 * @throws LastseenError `not_fresh` if that cannot be proven.
 */
export async function verifyCandidates(database: Database, deps: VerifyDeps, asOf: Instant): Promise<Verification> {
  await deps.waitForReplica();
  let verified = 0;
  let found = 0;
  for await (const candidates of candidateBatches(database, deps.batchLearners ?? BATCH_LEARNERS)) {
    verified += candidates.size;
    found += await noteNewerOf(database, deps, candidates);
  }
  const none: Verification = { verified: BigInt(verified), returned: 0n, contradicted: 0n, examples: [] };
  if (found === 0) return none;
  await deps.proveApplied(asOf);
  const counts = await judgeNewer(database);
  return { ...none, ...counts, examples: counts.contradicted > 0n ? await listContradicted(database, EXAMPLES) : [] };
}

async function* candidateBatches(database: Database, size: number): AsyncGenerator<CandidateBatch, void> {
  for (let after: StudentId | undefined; ; ) {
    const batch = await readCandidates(database, after, size);
    if (batch === undefined) return;
    yield batch;
    if (batch.size < size) return;
    after = batch.last;
  }
}

/** The sources are read at the same time, each in a snapshot of its own: any of them may contradict. Returns how many did. */
async function noteNewerOf(
  database: Database,
  { sourceDatabase, sources, maxClockSkewUs }: VerifyDeps,
  candidates: CandidateBatch,
): Promise<number> {
  const bySource = await settleAll(
    [...sources].map(async ([source, column]) => {
      const newer = await sourceDatabase.snapshot((snapshot, takenAt) =>
        newerActivity(snapshot, source, column, takenAt + maxClockSkewUs, candidates),
      );
      return [source, newer] as const;
    }),
  );
  let found = 0;
  for (const [source, newer] of bySource) {
    if (newer.length > 0) await noteNewer(database, source, newer);
    found += newer.length;
  }
  return found;
}

/**
 * The sources with their learner columns, as {@link VerifyDeps} needs them.
 *
 * @param setting with the address of that database
 * @throws LastseenError `config_invalid` if a table or column is missing, not readable or of a type that holds no learners
 */
export async function readLearnerColumns(
  sourceDatabase: Database,
  sources: Iterable<Source>,
  setting: SettingName,
): Promise<ReadonlyMap<Source, LearnerColumn>> {
  const wanted = [...sources].map((source) => {
    const { learner, instants } = SOURCE_FACTS[source];
    return [source, [learner, ...instants]] as const;
  });
  const tables = await readSourceTables(sourceDatabase, wanted);
  requireNoFailure('config_invalid', unreadableTables(tables, setting));
  return new Map(
    tables.map(({ source, learnerType, hasLearnerIndex }) => {
      const type = castOf(must(learnerType, `${source} has the learner's column`));
      return [source, { type, isIndexed: hasLearnerIndex }];
    }),
  );
}

/** The first line names no learner, because it is kept in the history. */
export function contradictedError({ contradicted, examples }: Verification): LastseenError {
  const learners =
    contradicted === 1n ? '1 learner who would cross has' : `${contradicted} learners who would cross have`;
  const lines = examples.map(
    (each) =>
      `${each.user_id}: last seen ${formatInstant(each.last_seen_at)}, but ${each.newer_source} has ` +
      formatInstant(each.newer_at),
  );
  return new LastseenError(
    'contradicted',
    [
      `contradicted: ${learners} a later activity in the source tables, which last seen lacks although it is proven ` +
        'applied; nothing was emitted: run `lastseen audit --repair`',
      ...lines,
    ].join('\n'),
  );
}
