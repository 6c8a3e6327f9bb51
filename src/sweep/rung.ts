/**
 * SQL: joins the rung of each row `seen`, the highest threshold that the learner has reached. Every inactive learner has
 * reached the lowest. The thresholds are $5, from the longest.
 *
 * @param rungs how many thresholds there are
 * @param asOf the parameter of the as-of
 */
export function rungOf(rungs: number, asOf: string): string {
  const whens = Array.from({ length: rungs }, (_, index) => {
    const days = `($5::int[])[${index + 1}]`;
    return `WHEN seen.last_seen_at <= ${asOf}::timestamptz - ${days} * interval '24 hours' THEN ${days}`;
  });
  return `CROSS JOIN LATERAL (
  SELECT CASE ${whens.join(' ')} END AS threshold_days
) rung`;
}

/** SQL: whether an open letter may contain an activity after the learner's threshold: the record cannot have a later one. */
export function isDoubtful(letters: string, asOf: string): string {
  return `EXISTS (
    SELECT FROM ${letters} letter
    WHERE letter.student_id = seen.student_id AND letter.closed_at IS NULL AND (
      letter.latest_activity_at IS NULL
      OR letter.latest_activity_at > ${asOf}::timestamptz - rung.threshold_days * interval '24 hours'
    )
  )`;
}

/** SQL: `AND` that the learner is not doubtful, or nothing without a table of letters. */
export function unlessDoubtful(letters: string | undefined, asOf: string): string {
  return letters === undefined ? '' : `AND NOT ${isDoubtful(letters, asOf)}`;
}
