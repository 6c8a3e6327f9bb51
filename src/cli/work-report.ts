import type { PartitionStates } from '../kafka/consumer/partition-state.ts';
import { createEstimator } from './progress/estimate.ts';
import { statusLine } from './progress/status-line.ts';
import { createWorkSummaries, describeWork, type Work } from './progress/work-summary.ts';
import type { CommandContext } from './run-command.ts';

/** Reports what a consumer does: what it joined, when it has caught up, and a line per minute with work or a status line. */
export interface WorkReport {
  add(work: Work): void;
  addDeadLetters(reason: string, letters: number): void;
  joined(groupId: string): void;
  /** What is fetched or applied may have changed. */
  progressed(): void;
}

const SUMMARY_EVERY_MS = 60_000;
const DRAW_EVERY_MS = 1_000;

const SILENT: WorkReport = { add() {}, addDeadLetters() {}, joined() {}, progressed() {} };

/**
 * Runs `work` with a report.
 *
 * @param untilEnd reports nothing: such a reading has a progress bar and a result.
 */
export async function withWorkReport<T>(
  context: CommandContext,
  partitions: PartitionStates,
  untilEnd: boolean,
  work: (report: WorkReport) => Promise<T>,
): Promise<T> {
  if (untilEnd) return work(SILENT);
  const report = startWorkReport(context, partitions);
  return work(report).finally(report.end);
}

function startWorkReport(context: CommandContext, partitions: PartitionStates): WorkReport & { end(): void } {
  const { log, live } = context;
  const summaries = createWorkSummaries(performance.now());
  const total = { records: 0, learners: 0, deadLetters: 0 };
  let joinedAtMs: number | undefined;
  let isCaughtUp = false;

  const summarize = () => {
    const summary = summaries.take(performance.now());
    if (summary === undefined) return;
    const { counts, ...fields } = summary;
    const { lag } = partitions;
    log.info({ event: 'work_summarized', ...fields, lag, ...counts }, describeWork(summary, lag));
  };
  const draw = createDrawing(context, () => ({
    ...total,
    partitions: joinedAtMs === undefined ? undefined : partitions.ownedCount,
    lag: partitions.lag,
  }));
  const [report, everyMs] = live === undefined ? [summarize, SUMMARY_EVERY_MS] : [draw, DRAW_EVERY_MS];
  const timer = setInterval(report, everyMs).unref();

  return {
    add(work) {
      total.records += work.records;
      total.learners += work.learners;
      summaries.add(work);
    },
    addDeadLetters(reason, letters) {
      total.deadLetters += letters;
      summaries.addDeadLetters(reason, letters);
    },
    joined(groupId) {
      joinedAtMs = performance.now();
      isCaughtUp = false;
      const { owned: assigned, ownedCount } = partitions;
      log.info(
        { event: 'group_joined', groupId, partitions: ownedCount, assigned },
        `joined ${groupId} with ${ownedCount} partitions`,
      );
    },
    progressed() {
      if (joinedAtMs === undefined || isCaughtUp || !partitions.isCaughtUp) return;
      isCaughtUp = true;
      const tookMs = Math.round(performance.now() - joinedAtMs);
      log.info({ event: 'consumer_caught_up', tookMs }, 'caught up with what was in the topics at the join');
    },
    end() {
      clearInterval(timer);
      if (live === undefined) summarize();
      else live.end();
    },
  };
}

type Totals = Pick<Parameters<typeof statusLine>[0], 'records' | 'learners' | 'deadLetters' | 'partitions' | 'lag'>;

function createDrawing({ command, live, outages }: CommandContext, totals: () => Totals): () => void {
  const startedAtMs = performance.now();
  const rate = createEstimator(0, startedAtMs);
  return () => {
    const nowMs = performance.now();
    const now = totals();
    rate.update(now.records, nowMs);
    const { perSecond, elapsedMs } = rate.at(nowMs);
    live?.show((width) => statusLine({ command, waitingFor: outages.current(), ...now, perSecond, elapsedMs }, width));
  };
}
