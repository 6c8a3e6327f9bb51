import type { Change, Outcome } from '../../src/activity/activity.ts';
import { type ActivityPolicy, activitiesOf } from '../../src/activity/activity-of.ts';
import type { Source } from '../../src/activity/source.ts';
import { commitInstant } from '../../src/dead-letters/origin.ts';

const NOW = BigInt(Date.UTC(2027, 0)) * 1_000n;

/** The outcome of a decoded record, as in `track`. */
export function outcomeOfChange(source: Source, change: Change, timestampMs: number, policy: ActivityPolicy): Outcome {
  if (change.kind !== 'row') return change;
  const record = { key: null, value: null, timestamp: String(timestampMs), offset: '0' };
  const committedAt = commitInstant(change, record, NOW);
  return activitiesOf(source, change.row, committedAt ?? NOW, policy);
}
