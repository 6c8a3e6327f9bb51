import { count, rateText } from './progress-line.ts';

/** What one transaction of a consumer did. */
export interface Work {
  readonly records: number;
  readonly learners: number;
  /** Counts of the command, such as `rowsChanged`. */
  readonly counts: Readonly<Record<string, number>>;
}

export interface WorkSummary extends Work {
  readonly perSecond: number;
  readonly seconds: number;
  /** By reason. */
  readonly deadLetters: Readonly<Record<string, number>>;
}

export interface WorkSummaries {
  add(work: Work): void;
  addDeadLetters(reason: string, letters: number): void;
  /** What was done since the last call; undefined if nothing was. */
  take(nowMs: number): WorkSummary | undefined;
}

export function createWorkSummaries(startedAtMs: number): WorkSummaries {
  let sinceMs = startedAtMs;
  let sum = nothing();
  return {
    add({ records, learners, counts }) {
      sum.records += records;
      sum.learners += learners;
      for (const [name, count] of Object.entries(counts)) addTo(sum.counts, name, count);
    },
    addDeadLetters: (reason, letters) => addTo(sum.deadLetters, reason, letters),
    take(nowMs) {
      const ms = nowMs - sinceMs;
      const done = sum;
      sinceMs = nowMs;
      sum = nothing();
      if (done.records === 0 && Object.keys(done.deadLetters).length === 0) return undefined;
      const perSecond = Number(((done.records / Math.max(1, ms)) * 1_000).toPrecision(3));
      return { ...done, perSecond, seconds: Math.round(ms / 1_000) };
    },
  };
}

/** For people. */
export function describeWork(
  { records, learners, perSecond, deadLetters }: WorkSummary,
  lag: number | undefined,
): string {
  const letters = Object.entries(deadLetters).map(([reason, letters]) => `${reason} ${count(letters)}`);
  return [
    `${count(records)} records of ${count(learners)} learners, ${rateText(perSecond)}`,
    ...(lag === undefined ? [] : [`${count(lag)} behind`]),
    ...(letters.length === 0 ? [] : [`dead letters: ${letters.join(', ')}`]),
  ].join('; ');
}

const nothing = () => ({
  records: 0,
  learners: 0,
  counts: {} as Record<string, number>,
  deadLetters: {} as Record<string, number>,
});

/** Counts of 0 are left out. */
function addTo(counts: Record<string, number>, name: string, count: number): void {
  if (count > 0) counts[name] = (counts[name] ?? 0) + count;
}
