import type { Figures } from '../bench.ts';
import type { ServerUse } from '../harness.ts';
import type { Measured } from '../measured.ts';

interface Read {
  readonly records: number;
  /** When partitions are assigned, before the first fetch, in ms since the epoch. */
  readonly startedAt: number;
  /** When the last record is read, or the last row is committed. */
  readonly endedAt: number;
  /** Absent for a process that several runs share. */
  readonly run?: Measured;
  readonly before: ServerUse;
  readonly after: ServerUse;
}

/** The figures for the comparison of all readers of a topic. */
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
