import type { Figures } from '../bench.ts';
import type { ServerUse } from '../harness.ts';
import type { Measured } from '../measured.ts';

interface Read {
  readonly records: number;
  /** In ms of the epoch: the partitions are assigned and the first record is fetched next. */
  readonly startedAt: number;
  /** The last record is read, or the last row is committed. */
  readonly endedAt: number;
  /** Absent for a process that several turns share. */
  readonly run?: Measured;
  readonly before: ServerUse;
  readonly after: ServerUse;
}

/** The figures that all readers of a topic are compared by. */
export function throughput({ records, startedAt, endedAt, run, before, after }: Read): Figures {
  const seconds = (endedAt - startedAt) / 1000;
  const perRecordUs = (cpuSeconds: number) => (cpuSeconds * 1e6) / records;
  return {
    recordsPerSecond: records / seconds,
    seconds,
    ...(run === undefined
      ? {}
      : { cpuUsPerRecord: perRecordUs(run.cpuSecondsBetween(startedAt, endedAt)), peakRssMb: run.peakRssMb() }),
    postgresCpuUsPerRecord: perRecordUs(after.postgresCpuSeconds - before.postgresCpuSeconds),
    brokerCpuUsPerRecord: perRecordUs(after.brokerCpuSeconds - before.brokerCpuSeconds),
    walBytesPerRecord: Number(after.walBytes - before.walBytes) / records,
  };
}
