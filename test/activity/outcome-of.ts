import type { Change, Outcome } from '../../src/activity/activity.ts';
import { type ActivityPolicy, activitiesOf } from '../../src/activity/activity-of.ts';
import type { Source } from '../../src/activity/source.ts';
import { commitInstant } from '../../src/dead-letters/origin.ts';

/** The outcome of a decoded record, as in `track`. */
export function outcomeOfChange(source: Source, change: Change, timestampMs: number, policy: ActivityPolicy): Outcome {
  if (change.kind !== 'row') return change;
  const record = { key: null, value: null, timestamp: String(timestampMs), offset: '0' };
  return activitiesOf(source, change.row, commitInstant(change, record), policy);
}
