import { smallerUserId } from '../activity/learner.ts';
import { SOURCES, type Source } from '../activity/source.ts';
import type { Audited, Standing } from '../history/audit-counts.ts';
import type { LearnerRow } from '../last-seen/fold.ts';

export type Standings = ReadonlyMap<Audited, Standing>;

/**
 * A learner's standing a source, and in their name; nothing where neither side holds anything.
 *
 * @param known what the audited sources say; undefined: they do not know the learner.
 * @param stored the learner's row; undefined: there is none.
 */
export function standingsOf(
  known: LearnerRow | undefined,
  stored: LearnerRow | undefined,
  audited: ReadonlySet<Source>,
): Standings {
  const standings = new Map<Audited, Standing>();
  for (const source of audited) {
    const standing = standingOf(known?.[source] ?? null, stored?.[source] ?? null, (a, b) => a < b);
    if (standing !== undefined) standings.set(source, standing);
  }
  const name = standingOf(known?.userId ?? null, stored?.userId ?? null, (a, b) => smallerUserId(a, b) !== a);
  // A source that is not asked may have given the name.
  if (name !== undefined && !(name === 'ahead' && isAlsoOfOthers(stored, audited))) standings.set('user_id', name);
  return standings;
}

/** Whether `track` should have applied what is not there: what the table has too much is none. */
export function isDrift(standings: Standings): boolean {
  return has(standings, 'missing') || has(standings, 'behind');
}

export function has(standings: Standings, standing: Standing): boolean {
  for (const each of standings.values()) if (each === standing) return true;
  return false;
}

/** The row as it is by the sources' word alone; what was not asked about stays. */
export function asSourcesSay(
  known: LearnerRow | undefined,
  stored: LearnerRow,
  audited: ReadonlySet<Source>,
): LearnerRow {
  const said = (source: Source) => (audited.has(source) ? (known?.[source] ?? null) : stored[source]);
  return {
    studentId: stored.studentId,
    userId: isAlsoOfOthers(stored, audited)
      ? smallerUserId(stored.userId, known?.userId ?? null)
      : (known?.userId ?? null),
    exam_results: said('exam_results'),
    features_topic_daily: said('features_topic_daily'),
    attempt: said('attempt'),
    session: said('session'),
  };
}

function standingOf<T>(known: T | null, stored: T | null, isLess: (a: T, b: T) => boolean): Standing | undefined {
  if (known === null) return stored === null ? undefined : 'ahead';
  if (stored === null) return 'missing';
  if (known === stored) return 'equal';
  return isLess(stored, known) ? 'behind' : 'ahead';
}

/** Whether the row also holds an instant of a source that is not audited. */
function isAlsoOfOthers(stored: LearnerRow | undefined, audited: ReadonlySet<Source>): boolean {
  return SOURCES.some((source) => !audited.has(source) && stored?.[source] != null);
}
