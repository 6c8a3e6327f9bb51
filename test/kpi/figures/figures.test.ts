import { describe, expect, it } from 'vitest';
import { NO_EXAMS } from '../../../src/kpi/figures/churn-risk.ts';
import { FIGURES } from '../../../src/kpi/figures/figure.ts';
import { churnInstant, type FigureInputs, figures, hasNumber } from '../../../src/kpi/figures/figures.ts';
import { chosenAbility } from '../../../src/kpi/figures/goal-probability.ts';
import { metricsPolicy } from '../../../src/kpi/figures/policy.ts';
import { OPTIONS } from '../compute-figures.ts';
import { at, DAY } from './answers.ts';

const standard = metricsPolicy('standard');
const legacy = metricsPolicy('legacy');

const inputs: FigureInputs = {
  wanted: FIGURES,
  isKnown: true,
  answers: {
    day: DAY,
    exams: [
      { resultJson: '{"questions": [{"question_id": 1, "is_correct": false}, 5]}', at: at('2026-02-01'), session: 'a' },
      { resultJson: 'not JSON', at: at('2026-03-10'), session: 'b' },
    ],
    attempts: [
      {
        item_id: 1n,
        topic_id: null,
        correct: true,
        response_time_ms: null,
        hint_used: null,
        session_id: null,
        completed_at: at('2026-03-10'),
      },
    ],
    thetas: null,
  },
  goal: { asOf: DAY, target: 0.5, ability: { mean: 0.5, sd: 0.8 }, observations: [], growth: null },
  churn: { asOf: DAY, exams: NO_EXAMS, lastSeenAt: at('2026-03-09') },
};

describe('the figures of a learner', () => {
  it('come from exams and attempts together, and count malformed answers', () => {
    const { figures: computed, skippedAnswers, pInterval } = figures(inputs, OPTIONS);
    // Item 1 was missed in an exam and answered correctly in an attempt.
    expect(computed).toMatchObject({ R_t: 1, I_t: null, P: 0.5, S: expect.closeTo(0.6 / 2 + 0.25 + 0.15, 12) });
    expect(skippedAnswers).toBe(2);
    expect(pInterval?.insufficientData).toBe(true);
  });

  it('are only the wanted ones', () => {
    const { figures: computed } = figures({ ...inputs, wanted: ['S', 'E_t'] }, OPTIONS);
    expect(Object.keys(computed)).toEqual(['S', 'E_t']);
  });

  it('are null without data', () => {
    const none: FigureInputs = {
      wanted: FIGURES,
      isKnown: true,
      answers: { day: DAY, exams: [], attempts: [], thetas: null },
      goal: { asOf: DAY, target: 0, ability: null, observations: [], growth: null },
      churn: { asOf: DAY, exams: NO_EXAMS, lastSeenAt: null },
    };
    const { figures: computed, pInterval } = figures(none, OPTIONS);
    expect(Object.values(computed)).toEqual(FIGURES.map(() => null));
    expect(pInterval).toBeNull();
    expect(hasNumber(computed)).toBe(false);
  });
});

describe('the instant of S', () => {
  const request = { userId: 'anna', studentId: '' as never, asOf: at('2026-03-18T05:00:00Z'), wanted: FIGURES };

  it('is the as-of, or the Sunday for a whole row in the legacy profile', () => {
    expect(churnInstant({ ...request, row: 'whole' }, standard)).toBe(request.asOf);
    expect(churnInstant({ ...request, row: 'existing' }, legacy)).toBe(request.asOf);
    expect(churnInstant({ ...request, row: 'whole' }, legacy)).toBe(at('2026-03-22'));
  });
});

describe('the ability row of P', () => {
  it('is the newest usable one, or in the legacy profile the newest', () => {
    const rows = { newest: { mean: null, sd: 1 }, newestUsable: { mean: 1, sd: 1 } };
    expect(chosenAbility(rows, standard)).toBe(rows.newestUsable);
    expect(chosenAbility(rows, legacy)).toBe(rows.newest);
  });
});
