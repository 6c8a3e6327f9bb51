import fc from 'fast-check';
import type { LearnerDays } from '../../src/churn/model/history.ts';

const sorted = (days: readonly number[]) => [...new Set(days)].sort((a, b) => a - b);

/** A history with these days; the kinds are shares of them. */
export function historyOf(any: readonly number[], kinds: Partial<Omit<LearnerDays, 'any'>> = {}): LearnerDays {
  const { exams = [], practice = [], content = [] } = kinds;
  return {
    any: sorted([...any, ...exams, ...practice, ...content]),
    exams: sorted(exams),
    practice: sorted(practice),
    content: sorted(content),
  };
}

const days = fc.array(fc.integer({ min: 15_000, max: 15_120 }), { maxLength: 40 }).map(sorted);

/** Histories within 120 days; some are empty. */
export const histories = fc
  .record({ any: days, exams: days, practice: days, content: days })
  .map(({ any, ...kinds }) => historyOf(any, kinds));
