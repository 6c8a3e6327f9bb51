import type { Source } from '../activity/source.ts';
import { columnsOf, type LearnerRow } from '../last-seen/fold.ts';
import { setBackLastSeen } from '../last-seen/lower-store.ts';
import { raiseLastSeen } from '../last-seen/raise-store.ts';
import { lastSeenOf } from '../last-seen/rows-store.ts';
import type { Database, Queryable } from '../postgres/database.ts';
import { inTurn } from '../runtime/retry-on-conflict.ts';
import { asSourcesSay, has, isDrift, type Standings } from './comparison.ts';

/** A learner who is not the same on both sides. */
export interface Differing {
  /** What the audited sources say; undefined: they do not know the learner. */
  readonly known: LearnerRow | undefined;
  readonly stored: LearnerRow | undefined;
  readonly standings: Standings;
}

export interface Mended {
  readonly raised: number;
  readonly setBack: number;
  readonly deleted: number;
  readonly moved: number;
}

export const NOTHING_MENDED: Mended = { raised: 0, setBack: 0, deleted: 0, moved: 0 };

/** Applies what is missing or behind, as `track` would. Whatever has moved since is only raised, never lowered. */
export async function raiseBehind(database: Database, differing: readonly Differing[]): Promise<Mended> {
  const rows = differing.flatMap(({ known, standings }) => (known !== undefined && isDrift(standings) ? [known] : []));
  const raised = await inTurn(() => database.transaction((tx) => raiseLastSeen(tx, columnsOf(rows))));
  return { ...NOTHING_MENDED, raised };
}

/**
 * Makes rows what the sources say where they say less. Only a row that is the same as before the sources' snapshot was
 * taken can be too far ahead of it: all others may hold what came later.
 *
 * @param before a snapshot of the table from before that of the sources.
 */
export async function setBackAhead(
  database: Database,
  before: Queryable,
  audited: ReadonlySet<Source>,
  differing: readonly Differing[],
): Promise<Mended> {
  const ahead = differing.flatMap(({ known, stored, standings }) =>
    stored !== undefined && has(standings, 'ahead')
      ? [{ seen: stored, target: asSourcesSay(known, stored, audited) }]
      : [],
  );
  if (ahead.length === 0) return NOTHING_MENDED;
  const earlier = await lastSeenOf(
    before,
    ahead.map(({ seen }) => seen.studentId),
  );
  const still = ahead.filter(({ seen }) => isSame(seen, earlier.get(seen.studentId)));
  const { changed, deleted } = await inTurn(() => database.transaction((tx) => setBackLastSeen(tx, still)));
  return { raised: 0, setBack: changed, deleted, moved: ahead.length - changed - deleted };
}

function isSame(a: LearnerRow, b: LearnerRow | undefined): boolean {
  return (
    a.userId === b?.userId &&
    a.exam_results === b.exam_results &&
    a.features_topic_daily === b.features_topic_daily &&
    a.attempt === b.attempt &&
    a.session === b.session
  );
}
