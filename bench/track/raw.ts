import { join } from 'node:path';
import type { Side } from '../bench.ts';
import type { Harness } from '../harness.ts';
import type { Load } from '../load/load.ts';
import { startMeasured } from '../measured.ts';
import { throughput } from './throughput.ts';

const RAW_READER = join(import.meta.dirname, 'raw-reader.ts');

/**
 * Reads the same topic with the same driver and settings, and does nothing with the records.
 *
 * @param codec `usual`: an lz4 codec as usual for the driver; `inline`: the codec of `track`.
 */
export function kafkajsRawSide(harness: Harness, load: Load, codec: 'usual' | 'inline' = 'usual'): Side {
  const name = codec === 'usual' ? 'kafkajs.raw' : 'kafkajs.raw.inline';
  return {
    name,
    async run(round) {
      const groupId = `${load.prefix}-${name}-${round}`;
      const before = await harness.readServerUse();
      const run = await startMeasured(harness.guard, {
        command: process.execPath,
        args: [RAW_READER, harness.addresses.brokers, load.topic, groupId, codec],
      });
      const startedAt = await harness.waitForMembers(groupId, run.ended);
      const { records, endedAt } = (await run.ended).json<{ records: number; endedAt: number }>();
      if (records !== load.records) throw new Error(`kafkajs read ${records} of ${load.records} records`);
      return throughput({ records, startedAt, endedAt, run, before, after: await harness.readServerUse() });
    },
  };
}

/** librdkafka, by kcat. It joins no group, so the time is that of the whole process, which starts in about 50 ms. */
export function kcatSide(harness: Harness, load: Load): Side {
  return {
    name: 'kcat.raw',
    async missing() {
      const run = await startMeasured(harness.guard, { command: 'kcat', args: ['-V'] }).catch(() => undefined);
      await run?.ended;
      return run === undefined ? 'kcat is not installed (Debian: apt-get install kcat)' : undefined;
    },
    async run() {
      const before = await harness.readServerUse();
      const startedAt = Date.now();
      const run = await startMeasured(harness.guard, {
        command: 'kcat',
        args: ['-b', harness.addresses.brokers, '-C', '-t', load.topic, '-o', 'beginning', '-e', '-q', '-f', ''],
      });
      await run.ended;
      const endedAt = Date.now();
      return throughput({
        records: load.records,
        startedAt,
        endedAt,
        run,
        before,
        after: await harness.readServerUse(),
      });
    },
  };
}
