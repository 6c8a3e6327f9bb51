import { groupLag } from '../kafka/admin/offsets.ts';
import { isRecordTime } from '../kafka/client/records.ts';
import type { Sample } from '../observability/sampling.ts';
import type { SampleSources } from './probes.ts';

/** The lag of the partitions that this process owns, so that the sum over all replicas is the lag of the group. */
export function lagSample(
  { context: { metrics }, state, kafka }: SampleSources,
  groupId: string,
  topics: readonly string[],
): Sample {
  const { partitions } = state;
  const forget = () => {
    metrics.lagRecords.reset();
    metrics.lagSeconds.reset();
  };
  return {
    name: 'lag',
    forget,
    async take() {
      const lags = await groupLag(kafka, groupId, topics);
      return () => {
        forget();
        const nowMs = Date.now();
        for (const lag of lags.filter((each) => partitions.owns(each))) {
          const labels = { topic: lag.topic, partition: String(lag.partition) };
          const oldest = partitions.oldestUnappliedMs(lag);
          metrics.lagRecords.set(labels, Number(lag.records));
          const lagMs = oldest !== undefined && isRecordTime(oldest, nowMs) ? Math.max(0, nowMs - oldest) : 0;
          metrics.lagSeconds.set(labels, lagMs / 1000);
        }
      };
    },
  };
}
