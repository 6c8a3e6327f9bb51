import { describe, expect, it } from 'vitest';
import { readConfiguration } from '../../src/config/configuration.ts';
import { plannedRanges, type ReplayFlags, replayIdOf, replayPlan } from '../../src/replay/plan.ts';

const { settings } = readConfiguration({}, {}, [], () => '');
const plan = (flags: ReplayFlags) => replayPlan(settings, flags);

describe('the flags of a replay', () => {
  it.each<readonly [string, ReplayFlags]>([
    ['--from is missing', {}],
    ['--to must be after --from', { from: 5n, to: 5n }],
    ['--rebuild reads all records', { rebuild: true, from: 5n }],
    ['--rebuild reads all records', { rebuild: true, to: 5n }],
    ['--rebuild reads all records', { rebuild: true, topic: ['session'] }],
    ['--snapshot reads the records of the snapshot', { snapshot: true, to: 5n }],
    ['--topic sessions: must be one of', { from: 'earliest', topic: ['sessions', 'session'] }],
  ])('are refused: %s', (message, flags) => {
    expect(() => plan(flags)).toThrow(message);
  });

  it('select sources by their own name or by topic', () => {
    const { topics } = plan({ from: 'earliest', topic: ['session', 'seedtest.public.attempt'] });
    expect([...topics.values()]).toEqual(['attempt', 'session']);
  });

  it('accept --from earliest for a rebuild, which is its default', () => {
    expect(plan({ rebuild: true, from: 'earliest' })).toEqual(plan({ rebuild: true }));
  });

  it('choose the offsets: from the first record for a rebuild, from the end for a snapshot, else between instants', () => {
    const bounds = [{ topic: 't', partition: 0, firstOffset: 3n, endOffset: 9n, stableOffset: 9n }];
    const at = (nextOffset: bigint) => [{ topic: 't', partition: 0, nextOffset }];
    const ranges = (flags: ReplayFlags) => plannedRanges(plan(flags), bounds, at(5n), at(7n));
    expect(ranges({ rebuild: true, snapshot: true })).toMatchObject([{ firstOffset: 3n }]);
    expect(ranges({ snapshot: true })).toMatchObject([{ firstOffset: 9n }]);
    expect(ranges({ from: 5n })).toMatchObject([{ firstOffset: 5n, endOffset: 7n }]);
  });

  it('identify the replay by its records and purpose only', () => {
    const id = (flags: ReplayFlags) => replayIdOf(plan(flags));
    const name = id({ from: 5n });
    expect(id({ from: 5n, emit: true, restart: true })).toBe(name);
    const others = [
      { from: 'earliest' },
      { from: 6n },
      { from: 5n, to: 9n },
      { from: 5n, topic: ['session'] },
    ] as const;
    const names = [...others, { rebuild: true }, { snapshot: true }, { rebuild: true, snapshot: true }] as const;
    expect(new Set([name, ...names.map(id)]).size).toBe(names.length + 1);
  });
});
