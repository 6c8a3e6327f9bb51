/** Days of activity of one learner, as whole UTC days since 1970, ascending and without repetition. */
export interface LearnerDays {
  /** Of every source. */
  readonly any: readonly number[];
  readonly exams: readonly number[];
  readonly practice: readonly number[];
  readonly content: readonly number[];
}

/** How many whole days before the day of an as-of features look at. */
export const VIEW_DAYS = 42;

/** The activity of a learner as an as-of sees it. Nothing in it is later than the day of the as-of. */
export interface ActivityView {
  /** Item `i` is 1 if the learner was active `i` days before the day of the as-of. `VIEW_DAYS + 1` items. */
  readonly active: Uint8Array;
  /** From the last day of activity to the day of the as-of, as S counts: 0 if the learner was active on it. */
  readonly silentDays: number;
  /** From the first day of activity to the day of the as-of. */
  readonly tenureDays: number;
  /** Days with an exam among those of `active`. */
  readonly examDays: number;
  /** From the last day of each kind to the day of the as-of; infinite if there was none. */
  readonly sinceExam: number;
  readonly sincePractice: number;
  readonly sinceContent: number;
}

/**
 * What was known at the start of a day: the activity of the days before it. Undefined if there was none.
 *
 * @param asOf whole UTC days since 1970
 */
export function viewBefore(days: LearnerDays, asOf: number): ActivityView | undefined {
  const [first] = days.any;
  const last = lastBefore(days.any, asOf);
  if (first === undefined || last === undefined) return undefined;
  const active = new Uint8Array(VIEW_DAYS + 1);
  for (const day of days.any) {
    const ago = asOf - day;
    if (ago > 0 && ago <= VIEW_DAYS) active[ago] = 1;
  }
  const since = (kind: readonly number[]) => asOf - (lastBefore(kind, asOf) ?? Number.NEGATIVE_INFINITY);
  return {
    active,
    silentDays: asOf - last,
    tenureDays: asOf - first,
    examDays: days.exams.filter((day) => day < asOf && day >= asOf - VIEW_DAYS).length,
    sinceExam: since(days.exams),
    sincePractice: since(days.practice),
    sinceContent: since(days.content),
  };
}

/** Whether the learner is active on none of the `horizonDays` days that begin with the day of the as-of. */
export function isSilentFrom({ any }: LearnerDays, asOf: number, horizonDays: number): boolean {
  return !any.some((day) => day >= asOf && day < asOf + horizonDays);
}

function lastBefore(days: readonly number[], day: number): number | undefined {
  return days.findLast((each) => each < day);
}
