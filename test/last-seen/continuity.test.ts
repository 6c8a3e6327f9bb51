import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { advanceReading, type ReadState, startReading } from '../../src/last-seen/continuity.ts';
import type { Gap } from '../../src/last-seen/gap.ts';

const MS = 1_000n;
const MARCH_MS = BigInt(Date.UTC(2026, 2));
const NOW = BigInt(Date.UTC(2026, 5)) * MS;
const advance = (before: ReadState, read: ReturnType<typeof batch>) => advanceReading(before, read, NOW);
/** A batch fetched at `from`, with records of these offsets and timestamps in ms. */
const batch = (from: bigint, nextOffset: bigint, ...records: (readonly [bigint, bigint])[]) => ({
  fromOffset: from,
  nextOffset,
  records: records.map(([offset, ms]) => ({ offset: String(offset), timestamp: String(MARCH_MS + ms) })),
});
const position = (nextOffset: bigint, ms?: bigint): ReadState => ({
  nextOffset,
  lastRecordAt: ms === undefined ? undefined : (MARCH_MS + ms) * MS,
});
const whole = { start: 0n, end: 1_000n };

describe('a reading', () => {
  it.each([
    ['continues', position(10n, 7n), 10n, whole, undefined],
    ['begins at offset 0', undefined, 0n, whole, undefined],
    ['begins after removed records', undefined, 5n, { start: 5n, end: 9n }, ['beginning_missing', 0n, 5n]],
    ['begins after existing records', undefined, 5n, { start: 0n, end: 9n }, ['skipped', 0n, 5n]],
    ['is reset past removed records', position(10n, 7n), 50n, { start: 50n, end: 60n }, ['lost', 10n, 50n]],
    ['is set past existing records', position(10n, 7n), 50n, whole, ['skipped', 10n, 50n]],
    ['begins again', position(10n, 7n), 0n, whole, undefined],
    [
      'begins again in a log that ends below the position',
      position(10n, 7n),
      0n,
      { start: 0n, end: 9n },
      ['another_topic', 10n, null],
    ],
  ] as const)('%s', (_, known, at, bounds, gap) => {
    const step = startReading(known, at, bounds);
    expect(step.state.nextOffset).toBe(at);
    expect(step.gap && [step.gap.kind, step.gap.fromOffset, step.gap.toOffset]).toEqual(gap);
  });

  it('has a gap if it skips records that it was reading again, since the topic may be another one', () => {
    const { gap } = startReading({ ...position(3n, 2n), previous: position(10n, 7n) }, 10n, whole);
    expect(gap).toEqual({ kind: 'skipped', fromOffset: 3n, toOffset: 10n });
  });

  it('keeps the timestamp of the last record, also after batches of control records only', () => {
    const { state } = advance({ ...position(0n) }, batch(0n, 3n, [0n, 5n], [1n, 6n]));
    expect(state).toEqual(position(3n, 6n));
    expect(advance(state, batch(3n, 4n)).state).toEqual(position(4n, 6n));
  });

  const again: ReadState = { ...position(0n), previous: position(10n, 7n) };

  it('that begins again keeps the previous position until it passes it', () => {
    expect(advance(again, batch(0n, 9n, [8n, 6n]))).toEqual({
      state: { ...position(9n, 6n), previous: position(10n, 7n) },
    });
  });

  it.each([
    [
      'the same record',
      [
        [9n, 7n],
        [10n, 9n],
      ],
      false,
    ],
    ['a newer record in its place', [[9n, 8n]], true],
    ['an older record in its place', [[9n, 3n]], true],
    [
      'an older record below it, after compaction',
      [
        [4n, 5n],
        [12n, 9n],
      ],
      false,
    ],
    [
      'a newer record below it',
      [
        [4n, 8n],
        [12n, 9n],
      ],
      true,
    ],
    ['no record below it', [[12n, 9n]], false],
  ] as const)('that passes the previous position recognizes the topic by %s', (_, records, isAnother) => {
    const { state, gap } = advance(again, batch(0n, 13n, ...records));
    expect(state.previous).toBeUndefined();
    expect(gap).toEqual(isAnother ? { kind: 'another_topic', fromOffset: 10n, toOffset: null } : undefined);
  });

  it('assumes the same topic if no timestamp was recorded', () => {
    const { gap } = advance({ ...position(0n), previous: position(10n) }, batch(0n, 10n, [9n, 8n]));
    expect(gap).toBeUndefined();
  });
});

/** A partition, the group's offset, the recorded position, and one reader at a time. */
function createModel() {
  let now = 0n;
  let written = 0;
  let start = 0n;
  let log: { id: number; at: bigint }[] = [];
  let committed: bigint | undefined;
  let recorded: ReadState | undefined;
  let process: ReadState | undefined;
  let position: bigint | undefined;
  /** A recreated topic is recognized by records below the old position, so reading must not start exactly there. */
  let isNew = false;
  const read = new Set<number>();
  const gaps: Gap[] = [];
  const end = () => BigInt(log.length);
  return {
    gaps,
    unread: () => Array.from({ length: written }, (_, id) => id).filter((id) => !read.has(id)),
    /** Whether the recorded position covers records that were not read. */
    claimsTooMuch: () =>
      !isNew &&
      process !== undefined &&
      process.previous === undefined &&
      log.slice(Number(start), Number(process.nextOffset)).some(({ id }) => !read.has(id)),
    append(count: number) {
      for (let n = 0; n < count; n++) {
        now += 1n;
        log.push({ id: written, at: now });
        written += 1;
      }
    },
    remove(count: bigint) {
      if (isNew) return;
      start = start + count < end() ? start + count : end();
    },
    recreate() {
      if (recorded === undefined) return;
      log = [];
      isNew = true;
      start = 0n;
      committed = undefined;
      position = undefined;
    },
    loseOffsets() {
      committed = undefined;
    },
    setPast(count: bigint) {
      if (isNew) return;
      committed = (committed ?? start) + count < end() ? (committed ?? start) + count : end();
      position = undefined;
      process = undefined;
    },
    restart() {
      position = undefined;
      process = undefined;
    },
    read(count: bigint, commits: boolean) {
      position ??= committed ?? start;
      if (position < start || position > end()) position = start;
      const to = position + count < end() ? position + count : end();
      if (to === position) return;
      const records = log.slice(Number(position), Number(to));
      for (const { id } of records) read.add(id);
      const first = position;
      isNew = false;
      const started =
        process?.nextOffset === first ? { state: process } : startReading(recorded, first, { start, end: end() });
      const ended = advance(
        started.state,
        batch(first, to, ...records.map(({ at }, n) => [first + BigInt(n), at] as const)),
      );
      for (const { gap } of [started, ended]) if (gap !== undefined) gaps.push(gap);
      process = ended.state;
      recorded = ended.state;
      position = to;
      if (commits) committed = to;
    },
  };
}

type Model = ReturnType<typeof createModel>;
const few = fc.integer({ min: 1, max: 6 });
const harmless = fc.oneof(
  few.map((count) => (model: Model) => model.append(count)),
  fc.tuple(few, fc.boolean()).map(
    ([count, commits]) =>
      (model: Model) =>
        model.read(BigInt(count), commits),
  ),
  fc.constant((model: Model) => model.restart()),
  fc.constant((model: Model) => model.loseOffsets()),
);
const harmful = fc.oneof(
  few.map((count) => (model: Model) => model.remove(BigInt(count))),
  few.map((count) => (model: Model) => model.setPast(BigInt(count))),
  fc.constant((model: Model) => model.recreate()),
);

describe('after any events in a partition', () => {
  it('there is a gap if a record is unread when the newest record has been read', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof({ weight: 4, arbitrary: harmless }, harmful), { maxLength: 40 }), (steps) => {
        const model = createModel();
        for (const step of steps) {
          step(model);
          if (model.claimsTooMuch()) expect(model.gaps).not.toEqual([]);
        }
        model.append(1);
        model.read(1_000n, true);
        if (model.unread().length > 0) expect(model.gaps).not.toEqual([]);
      }),
      { numRuns: 3_000 },
    );
  });

  it('there is no gap if records were only read again', () => {
    fc.assert(
      fc.property(fc.array(harmless, { maxLength: 40 }), (steps) => {
        const model = createModel();
        for (const step of steps) step(model);
        expect(model.gaps).toEqual([]);
      }),
    );
  });
});
