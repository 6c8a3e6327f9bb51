import type { Instant } from '../activity/instant.ts';
import { readRetention } from '../history/retention-store.ts';
import type { Database } from '../postgres/database.ts';
import { withLock } from '../postgres/locks.ts';
import { LastseenError } from '../runtime/errors.ts';
import { retryOnConflict } from '../runtime/retries.ts';
import { type RetentionLimits, retentionLimits } from './limits.ts';
import {
  countDue,
  hasRowsBelow,
  KINDS,
  type Kind,
  raiseFloor,
  readLimitInputs,
  readTableSize,
  recordPruned,
  removeDue,
  type TableSize,
} from './prune-store.ts';

export interface PruneDeps {
  readonly database: Database;
  readonly now: () => Instant;
  /** `KPI_LOOKBACK_DAYS`. */
  readonly lookbackDays: number;
  readonly isStopping: () => boolean;
  readonly showProgress: (pages: number) => { update(done: number): void; end(): void };
  /** Pages per transaction; default 500, which is 4 MB. */
  readonly batchPages?: number;
}

/** What went of a kind, or would go. */
interface PrunedKind {
  readonly kind: string;
  readonly table: string;
  /** Null: nothing of this kind may be removed yet. */
  readonly before: Instant | null;
  readonly rows: bigint;
  /** Its share of the table and its indexes. */
  readonly bytes: number;
  /** Table and indexes, before. */
  readonly tableBytes: number;
}

export interface Pruned {
  /** The floor of {@link readRetention}, or what it would be. */
  readonly floor: Instant | null;
  readonly kinds: readonly PrunedKind[];
}

/**
 * Removes what no rule needs any more, in small transactions. The floor is raised first, so that all readers know what may be
 * missing. It may be killed at any time, and run again: what is left is removed then.
 *
 * @throws LastseenError `busy` if another prune or a sweep is running, `interrupted` after a signal.
 */
export function prune(deps: PruneDeps): Promise<Pruned> {
  const { database } = deps;
  return withLock(database, 'prune', async () => {
    const limits = await withLock(database, 'sweep', async () => {
      const wanted = await wantedLimits(deps);
      if (await hasRowsBelow(database, wanted.floor)) await raiseFloor(database, wanted.floor);
      return wanted;
    });
    const { floor } = await readRetention(database);
    const kinds = await walk(deps, { ...limits, floor }, removeDue);
    await recordPruned(database);
    return { floor, kinds };
  });
}

/** Counts what {@link prune} would remove. Writes nothing. */
export async function previewPrune(deps: PruneDeps): Promise<Pruned> {
  const { database } = deps;
  const wanted = await wantedLimits(deps);
  const { floor: stored } = await readRetention(database);
  const isRaised = (stored === null || stored < wanted.floor) && (await hasRowsBelow(database, wanted.floor));
  const floor = isRaised ? wanted.floor : stored;
  return { floor, kinds: await walk(deps, { ...wanted, floor }, countDue) };
}

/** A clock that is ahead would remove too much, for ever: the earlier one of both counts. */
async function wantedLimits({ database, now, lookbackDays }: PruneDeps): Promise<RetentionLimits> {
  const ownNow = now();
  const { serverNow, heldSince } = await readLimitInputs(database);
  return retentionLimits({ now: serverNow < ownNow ? serverNow : ownNow, lookbackDays, heldSince });
}

type KnownLimits = Omit<RetentionLimits, 'floor'> & { readonly floor: Instant | null };

const BATCH_PAGES = 500;

async function walk(deps: PruneDeps, limits: KnownLimits, visit: typeof removeDue): Promise<readonly PrunedKind[]> {
  const tables: { kind: Kind; size: TableSize; limit: Instant | null }[] = [];
  for (const kind of KINDS) {
    tables.push({ kind, size: await readTableSize(deps.database, kind.table), limit: limits[kind.limit] });
  }
  const progress = deps.showProgress(
    tables.reduce((sum, { size, limit }) => sum + (limit === null ? 0 : size.pages), 0),
  );
  let donePages = 0;
  const onPages = (pages: number) => {
    donePages += pages;
    progress.update(donePages);
  };
  try {
    const pruned: PrunedKind[] = [];
    for (const { kind, size, limit } of tables) {
      const { rows, due } = limit === null ? NOTHING : await visitPages(deps, kind, size, limit, visit, onPages);
      const bytes = rows === 0n ? 0 : Math.round((size.bytes * Number(due)) / Number(rows));
      pruned.push({ kind: kind.name, table: kind.table, before: limit, rows: due, bytes, tableBytes: size.bytes });
    }
    return pruned;
  } finally {
    progress.end();
  }
}

const NOTHING = { rows: 0n, due: 0n };

async function visitPages(
  { database, isStopping, batchPages = BATCH_PAGES }: PruneDeps,
  kind: Kind,
  { pages }: TableSize,
  limit: Instant,
  visit: typeof removeDue,
  onPages: (pages: number) => void,
): Promise<typeof NOTHING> {
  const total = { ...NOTHING };
  for (let from = 0; from < pages; from += batchPages) {
    if (isStopping()) {
      throw new LastseenError('interrupted', 'stopped by a signal: the next `lastseen prune` removes the rest');
    }
    const to = Math.min(pages, from + batchPages);
    const { rows, due } = await retryOnConflict(() => visit(database, kind, { from, to }, limit));
    total.rows += rows;
    total.due += due;
    onPages(to - from);
  }
  return total;
}
