import { describe, expect, it } from 'vitest';
import { formatInstant, startOfIsoWeek } from '../../../src/activity/instant.ts';
import {
  answerWindows,
  improvementWindows,
  neededAnswers,
  thetaWindows,
} from '../../../src/kpi/figures/answer-windows.ts';
import { metricsPolicy } from '../../../src/kpi/figures/policy.ts';
import { weeklyDay } from '../../../src/kpi/figures/weekly-day.ts';
import type { Window } from '../../../src/kpi/figures/window.ts';
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
    const { recent, previous } = thetaWindows(DAY);
    expect(edges(recent)).toEqual(['2026-03-03T00:00:00.000000Z', '2026-03-16T23:59:59.999999Z']);
    expect(edges(previous)).toEqual(['2026-02-17T00:00:00.000000Z', '2026-03-02T23:59:59.999999Z']);
  });
});

describe('the day of a weekly row', () => {
  it('is the date of the as-of, or in the legacy profile the Sunday of its week', () => {
    const wednesday = at('2026-03-18T05:00:00Z');
    expect(weeklyDay(wednesday, standard)).toBe(at('2026-03-18'));
    expect(weeklyDay(wednesday, legacy)).toBe(at('2026-03-22'));
  });

  it('is the Sunday for a row of a past week', () => {
    const lastWeek = startOfIsoWeek(at('2026-03-11'));
    expect(weeklyDay(at('2026-03-18T05:00:00Z'), standard, lastWeek)).toBe(at('2026-03-15'));
    expect(weeklyDay(at('2026-03-18T05:00:00Z'), legacy, lastWeek)).toBe(at('2026-03-15'));
  });

  it('stays within the week on its first and last microsecond', () => {
    for (const policy of [standard, legacy]) {
      expect(weeklyDay(at('2026-03-22T23:59:59.999999Z'), policy)).toBe(at('2026-03-22'));
    }
    expect(weeklyDay(at('2026-03-16T00:00:00Z'), standard)).toBe(at('2026-03-16'));
    expect(weeklyDay(at('2026-03-15T23:59:59.999999Z'), legacy)).toBe(at('2026-03-15'));
  });
});
