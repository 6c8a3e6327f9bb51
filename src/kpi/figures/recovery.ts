import type { Instant } from '../../activity/instant.ts';
import { answerWindows } from './answer-windows.ts';
import type { Attempt } from './attempt.ts';
import { shareCorrect } from './improvement.ts';
import type { MetricsPolicy } from './policy.ts';
import { within } from './window.ts';

/**
 * R_t, the recovery at d: the share of correct answers, within [0, 1], among the answers of W(d, 28) to items that were
 * answered wrongly at least once in W(d−28, 28).
 *
 * An item is identified together with its topic; no topic counts as a topic of its own. All answers count; unknown
 * correctness counts as not correct. Null if no item was answered wrongly, or none of these was answered again.
 *
 * Source: the platform's weekly job.
 */
export function recovery(
  attempts: readonly Attempt[],
  day: Instant,
  policy: Pick<MetricsPolicy, 'windowEdges'>,
): number | null {
  const windows = answerWindows(day, policy);
  const missed = new Set(
    within(attempts, windows.previous).flatMap((attempt) => (attempt.correct === false ? [keyOf(attempt)] : [])),
  );
  const again = within(attempts, windows.recent).filter((attempt) => missed.has(keyOf(attempt)));
  return again.length === 0 ? null : shareCorrect(again);
}

function keyOf({ item, topic }: Attempt): string {
  return JSON.stringify([item, topic]);
}
