import { describe, expect, it } from 'vitest';
import { formatInstant } from '../../../src/activity/instant.ts';
import {
  answerWindows,
  examWindow,
  improvementWindows,
  neededAnswers,
  thetaWindows,
  type Window,
  weeklyInstant,
  windowOf,
} from '../../../src/kpi/figures/figure.ts';
import { metricsPolicy } from '../../../src/kpi/figures/policy.ts';
import { at, DAY } from './answers.ts';

const standard = metricsPolicy('standard');
const legacy = metricsPolicy('legacy');
const edges = ({ from, through }: Window) => [formatInstant(from), formatInstant(through)];

describe('the answers to load', () => {
  it('are those of 56 days, which include every window of the figures', () => {
    expect(edges(neededAnswers(DAY, standard))).toEqual(['2026-01-20T00:00:00.000000Z', '2026-03-16T23:59:59.999999Z']);
    expect(edges(neededAnswers(DAY, legacy))).toEqual(['2026-01-20T23:59:59.000000Z', '2026-03-16T23:59:59.000000Z']);
    for (const policy of [standard, legacy]) {
      const needed = neededAnswers(DAY, policy);
      const pairs = [answerWindows(DAY, policy), improvementWindows(DAY, policy)];
      for (const window of pairs.flatMap(({ recent, previous }) => [recent, previous])) {
        expect(window.from).toBeGreaterThanOrEqual(needed.from);
        expect(window.through).toBeLessThanOrEqual(needed.through);
      }
    }
  });
});

describe('the windows of thetas', () => {
  it('are two weeks of whole days each, without a gap', () => {
    const { recent, previous } = thetaWindows(DAY, standard);
    expect(edges(recent)).toEqual(['2026-03-03T00:00:00.000000Z', '2026-03-16T23:59:59.999999Z']);
    expect(edges(previous)).toEqual(['2026-02-17T00:00:00.000000Z', '2026-03-02T23:59:59.999999Z']);
  });
});

describe('in the legacy profile', () => {
  it('the windows of thetas and exams begin at midnight, and end with the last second of their last day', () => {
    const { recent, previous } = thetaWindows(DAY, legacy);
    expect(edges(recent)).toEqual(['2026-03-03T00:00:00.000000Z', '2026-03-16T23:59:59.000000Z']);
    expect(edges(previous)).toEqual(['2026-02-17T00:00:00.000000Z', '2026-03-02T23:59:59.000000Z']);
    expect(edges(examWindow(DAY, legacy))).toEqual(['2026-01-20T00:00:00.000000Z', '2026-03-16T23:59:59.000000Z']);
    expect(edges(examWindow(DAY, standard))).toEqual(['2026-01-20T00:00:00.000000Z', '2026-03-16T23:59:59.999999Z']);
  });
});

describe('the day of a weekly row', () => {
  it('is the date of the as-of, or in the legacy profile the Sunday of its week', () => {
    const wednesday = at('2026-03-18T05:00:00Z');
    expect(weeklyInstant(wednesday, standard)).toBe(wednesday);
    expect(weeklyInstant(wednesday, legacy)).toBe(at('2026-03-22'));
  });

  it('stays within the week on its first and last microsecond', () => {
    expect(weeklyInstant(at('2026-03-22T23:59:59.999999Z'), legacy)).toBe(at('2026-03-22'));
    expect(weeklyInstant(at('2026-03-16T00:00:00Z'), legacy)).toBe(at('2026-03-22'));
    expect(weeklyInstant(at('2026-03-15T23:59:59.999999Z'), legacy)).toBe(at('2026-03-15'));
  });
});

describe('W(d, n)', () => {
  it('with whole days runs from the first midnight through the last microsecond', () => {
    const { from, through } = windowOf(at('2026-03-16T05:00:00Z'), 14, 'whole_days');
    expect(formatInstant(from)).toBe('2026-03-03T00:00:00.000000Z');
    expect(formatInstant(through)).toBe('2026-03-16T23:59:59.999999Z');
  });

  it('with last seconds runs from the last second of its first day through that of its last', () => {
    const { from, through } = windowOf(at('2026-03-16T05:00:00Z'), 14, 'last_seconds');
    expect(formatInstant(from)).toBe('2026-03-03T23:59:59.000000Z');
    expect(formatInstant(through)).toBe('2026-03-16T23:59:59.000000Z');
  });

  it('with whole days leaves no instant between two windows', () => {
    const day = at('2026-03-01T12:00:00Z');
    const recent = windowOf(day, 28, 'whole_days');
    const previous = windowOf(day - 28n * 86_400_000_000n, 28, 'whole_days');
    expect(recent.from - previous.through).toBe(1n);
  });

  it('is the same for every instant of a day, before 1970 too', () => {
    expect(windowOf(at('1969-12-31T23:59:59.999999Z'), 1, 'whole_days')).toEqual(
      windowOf(at('1969-12-31'), 1, 'whole_days'),
    );
    expect(windowOf(at('1969-12-31'), 1, 'whole_days').through).toBe(-1n);
  });
});
