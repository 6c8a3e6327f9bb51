import { describe, expect, it } from 'vitest';
import { readConfiguration } from '../../src/config/configuration.ts';
import { type ReplayFlags, replayIdOf, replayPlan } from '../../src/replay/plan.ts';

const { settings } = readConfiguration({}, {}, [], () => '');
const plan = (flags: ReplayFlags) => replayPlan(settings, flags);

describe('what a replay is asked for', () => {
  it.each<readonly [string, ReplayFlags]>([
    ['--from is missing', {}],
    ['--to must be after --from', { from: 5n, to: 5n }],
    ['--rebuild reads everything', { rebuild: true, from: 5n }],
    ['--rebuild reads everything', { rebuild: true, to: 5n }],
    ['--rebuild reads everything', { rebuild: true, topic: ['session'] }],
    ['--snapshot reads what', { snapshot: true, to: 5n }],
    ['--topic sessions: none of', { from: 'earliest', topic: ['sessions', 'session'] }],
  ])('is refused: %s', (message, flags) => {
    expect(() => plan(flags)).toThrow(message);
  });

  it('names sources or their topics', () => {
    const { topics } = plan({ from: 'earliest', topic: ['session', 'seedtest.public.attempt'] });
    expect([...topics.values()]).toEqual(['attempt', 'session']);
  });

  it('may be told that a rebuild reads from the earliest on, as it does', () => {
    expect(plan({ rebuild: true, from: 'earliest' })).toEqual(plan({ rebuild: true }));
  });

  it('has one name for the same records and purpose, and others for others', () => {
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
