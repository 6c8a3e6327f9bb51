import type { Instant } from '../../activity/instant.ts';
import { answerWindows } from './answer-windows.ts';
import type { Attempt } from './attempt.ts';
import { shareCorrect } from './improvement.ts';
import type { MetricsPolicy } from './policy.ts';
import { within } from './window.ts';

/**
 * R_t, the recovery at d: of the answers of W(d, 28) to what was answered wrongly at least once in W(d−28, 28), the
 * share of correct ones, within [0, 1].
 *
 * What was answered is an item under a topic; an item without a topic is another than the same item under one. All the
 * answers count, those of unknown correctness as not correct. Null where nothing was answered wrongly, or nothing of
 * that was answered again.
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
