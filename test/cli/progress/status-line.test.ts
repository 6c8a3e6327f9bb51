import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Status, statusLine } from '../../../src/cli/progress/status-line.ts';

const BUSY: Status = {
  command: 'track',
  partitions: 16,
  waitingFor: [],
  records: 12_345,
  learners: 678,
  deadLetters: 3,
  perSecond: 250,
  lag: 9_000,
  elapsedMs: 65_000,
};
const lineOf = (status: Partial<Status>, width = 120) => statusLine({ ...BUSY, ...status }, width);

it('has rate, records, learners, lag, dead letters, partitions and time', () => {
  expect(lineOf({})).toBe(
    'track  9,000 behind  250/s  12,345 records  678 learners  3 dead letters  16 partitions  1 min 5 s',
  );
});

it.each([
  [{ partitions: undefined, lag: undefined }, 'joining its group'],
  [{ partitions: 0, lag: undefined }, 'no partition assigned'],
  [{ lag: undefined }, 'starting to read'],
  [{ lag: 0 }, 'caught up'],
  [{ waitingFor: ['kafka_unavailable'] }, 'waiting: kafka_unavailable'],
] as const)('has its state: %o', (status, state) => {
  expect(lineOf(status).split('  ')[1]).toBe(state);
});

it('keeps its state and the dead letters on a narrow terminal', () => {
  expect(lineOf({}, 39)).toBe('track  9,000 behind  3 dead letters');
});

it('is never longer than the terminal is wide', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 200 }), fc.nat(), fc.nat(), (width, records, lag) => {
      expect(lineOf({ records, lag }, width).length).toBeLessThanOrEqual(width);
    }),
  );
});
