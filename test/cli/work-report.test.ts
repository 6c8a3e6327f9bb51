import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { LiveLine } from '../../src/cli/progress/live-line.ts';
import type { CommandContext } from '../../src/cli/run-command.ts';
import { type WorkReport, withWorkReport } from '../../src/cli/work-report.ts';
import { PartitionStates } from '../../src/kafka/consumer/partition-state.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** The log of a consumer that owns one partition, and its status lines if it has a terminal. */
async function report(
  work: (report: WorkReport, partitions: PartitionStates) => void,
  { onTerminal = false, untilEnd = false } = {},
) {
  const lines: Record<string, unknown>[] = [];
  const shown: string[] = [];
  const live = {
    show: (lineOf) => shown.push(lineOf(100)),
    end: () => shown.push(''),
    above: (write) => write(),
  } satisfies LiveLine;
  const context = {
    command: 'track',
    log: { info: (fields: object) => lines.push({ ...fields }) },
    outages: { current: () => [] },
    live: onTerminal ? live : undefined,
  } as unknown as CommandContext;
  const partitions = new PartitionStates();
  await withWorkReport(context, partitions, untilEnd, async (running) => {
    partitions.assign({ t: [0] });
    work(running, partitions);
  });
  return { lines, shown };
}

const work = { records: 6, learners: 4, counts: { applied: 5 } };
const readAll = (running: WorkReport, partitions: PartitionStates) => {
  running.joined('g');
  partitions.fetched({ topic: 't', partition: 0, fetchOffset: 0n, endOffset: 6n });
  running.progressed();
  running.add(work);
  running.addDeadLetters('bad_learner', 1);
  partitions.applied([{ topic: 't', partition: 0, nextOffset: 6n }]);
  running.progressed();
  running.progressed();
};
const events = (lines: readonly Record<string, unknown>[]) => lines.map(({ event }) => event);

it('logs the join, when it has caught up, and a summary per minute with work', async () => {
  const { lines } = await report((running, partitions) => {
    readAll(running, partitions);
    vi.advanceTimersByTime(600_000);
  });
  expect(lines).toMatchObject([
    { event: 'group_joined', groupId: 'g', partitions: 1, assigned: { t: [0] } },
    { event: 'consumer_caught_up' },
    {
      event: 'work_summarized',
      records: 6,
      learners: 4,
      applied: 5,
      deadLetters: { bad_learner: 1 },
      lag: 0,
      seconds: 60,
    },
  ]);
});

it('logs what was done since the last summary at the end', async () => {
  const { lines } = await report(readAll);
  expect(events(lines)).toEqual(['group_joined', 'consumer_caught_up', 'work_summarized']);
});

it('has caught up once per join', async () => {
  const { lines } = await report((running, partitions) => {
    readAll(running, partitions);
    partitions.assign({ t: [0] });
    readAll(running, partitions);
  });
  expect(events(lines).filter((event) => event === 'consumer_caught_up')).toHaveLength(2);
});

it('shows a status line on a terminal instead of summaries, and removes it at the end', async () => {
  const { lines, shown } = await report(
    (running, partitions) => {
      readAll(running, partitions);
      vi.advanceTimersByTime(120_000);
    },
    { onTerminal: true },
  );
  expect(events(lines)).toEqual(['group_joined', 'consumer_caught_up']);
  expect(shown).toHaveLength(121);
  expect(shown.at(-2)).toMatch(
    /^track {2}caught up {2}.*6 records {2}4 learners {2}1 dead letters {2}1 partitions {2}2 min$/,
  );
  expect(shown.at(-1)).toBe('');
});

it('reports nothing of a bounded reading, which has a progress bar', async () => {
  const { lines, shown } = await report(readAll, { onTerminal: true, untilEnd: true });
  expect([...lines, ...shown]).toEqual([]);
});
