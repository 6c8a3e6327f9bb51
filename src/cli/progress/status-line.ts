import { count, duration, firstFitting, rateText } from './progress-line.ts';

/** What a consumer that runs until it is stopped is doing. */
export interface Status {
  readonly command: string;
  /** Undefined before it has joined its group. */
  readonly partitions: number | undefined;
  /** Codes of outages. */
  readonly waitingFor: readonly string[];
  readonly records: number;
  readonly learners: number;
  readonly deadLetters: number;
  readonly perSecond: number;
  /** Undefined before the first fetch. */
  readonly lag: number | undefined;
  readonly elapsedMs: number;
}

/** One line, at most `width` characters. A narrow terminal gets fewer parts: what needs attention stays the longest. */
export function statusLine(status: Status, width: number): string {
  const { command, partitions, records, learners, deadLetters, elapsedMs } = status;
  const state = stateOf(status);
  const attention = deadLetters === 0 ? [] : [`${count(deadLetters)} dead letters`];
  const rate = rateText(status.perSecond);
  const done = [`${count(records)} records`, `${count(learners)} learners`];
  const assigned = partitions === undefined ? [] : [`${count(partitions)} partitions`];
  return firstFitting(
    [
      [command, state, rate, ...done, ...attention, ...assigned, elapsed(elapsedMs)],
      [command, state, rate, ...done, ...attention, elapsed(elapsedMs)],
      [command, state, rate, ...done, ...attention],
      [command, state, rate, ...attention],
      [command, state, ...attention],
      [state, ...attention],
      [state],
    ],
    width,
  );
}

function stateOf({ partitions, waitingFor, lag }: Status): string {
  if (waitingFor.length > 0) return `waiting: ${waitingFor.join(', ')}`;
  if (partitions === undefined) return 'joining its group';
  if (partitions === 0) return 'no partition assigned';
  if (lag === undefined) return 'starting to read';
  return lag === 0 ? 'caught up' : `${count(lag)} behind`;
}

const elapsed = (ms: number) => duration(Math.floor(ms / 1_000));
