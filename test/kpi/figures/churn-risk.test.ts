import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatInstant, MICROS_PER_DAY, parseInstant } from '../../../src/activity/instant.ts';
import { type ChurnInputs, churnRisk, type Exams, NO_EXAMS } from '../../../src/kpi/figures/churn-risk.ts';
import { examWindow } from '../../../src/kpi/figures/figure.ts';
import { metricsPolicy } from '../../../src/kpi/figures/policy.ts';

const standard = metricsPolicy('standard');
const legacy = metricsPolicy('legacy');
const at = (text: string) => parseInstant(text) ?? 0n;
const AS_OF = at('2026-03-16T05:00:00Z');

function exams(...days: string[]): Exams {
  const instants = days.map(at);
  return {
    count: days.length,
    first: instants[0] ?? null,
    newest: instants.at(-1) ?? null,
    sessions: days.length,
  };
}

describe('S', () => {
  const three = exams('2026-03-01', '2026-03-03', '2026-03-05');

  it('is 0.6478… for exams on 03-01, 03-03 and 03-05 as of 03-16', () => {
    // k = 11, m = 2, n = 3: 0.6·11/14 + 0.25·2/7 + 0.15·(1 − 0.3) = 0.471428… + 0.071428… + 0.105
    const inputs = { asOf: AS_OF, exams: three, lastSeenAt: at('2026-03-05') };
    expect(churnRisk(inputs, 14, standard)).toBeCloseTo(0.6478571428571429, 12);
    expect(churnRisk(inputs, 14, legacy)).toBeCloseTo(0.6478571428571429, 12);
  });

  it('counts from a session after the exams, but not in the legacy profile', () => {
    // k = 2: 0.6·2/14 + 0.071428… + 0.105 = 0.085714… + 0.176428…
    const inputs = { asOf: AS_OF, exams: three, lastSeenAt: at('2026-03-14T18:00:00Z') };
    expect(churnRisk(inputs, 14, standard)).toBeCloseTo(0.2621428571428571, 12);
    expect(churnRisk(inputs, 14, legacy)).toBeCloseTo(0.6478571428571429, 12);
  });

  it('is 0.135 for one exam on the day itself', () => {
    // k = 0, m = 0, n = 1: 0.15·0.9
    const inputs = { asOf: AS_OF, exams: exams('2026-03-16T04:00:00Z'), lastSeenAt: at('2026-03-16T04:00:00Z') };
    expect(churnRisk(inputs, 14, standard)).toBeCloseTo(0.135, 12);
  });

  it('is highest for the longest silence without an exam, and null then in the legacy profile', () => {
    // k = 24, m counts as 7, n as 0: 0.6 + 0.25 + 0.15
    const inputs = { asOf: AS_OF, exams: NO_EXAMS, lastSeenAt: at('2026-02-20') };
    expect(churnRisk(inputs, 14, standard)).toBe(1);
    expect(churnRisk(inputs, 14, legacy)).toBeNull();
  });

  it('is null for a learner who was never seen up to the as-of', () => {
    expect(churnRisk({ asOf: AS_OF, exams: NO_EXAMS, lastSeenAt: null }, 14, standard)).toBeNull();
    const later = exams('2026-03-16T20:00:00Z');
    expect(churnRisk({ asOf: AS_OF, exams: later, lastSeenAt: null }, 14, standard)).toBeNull();
  });

  it('counts no silence after an exam later on the day of the as-of in the legacy profile', () => {
    // k = 0 although the exam is after the as-of; m = 0, n = 1
    const later = exams('2026-03-16T20:00:00Z');
    expect(churnRisk({ asOf: AS_OF, exams: later, lastSeenAt: null }, 14, legacy)).toBeCloseTo(0.135, 12);
  });

  it('counts whole dates, not 24 hours', () => {
    // 23:59 of the day before is one day, though five hours: 0.6/14 + 0 + 0.135
    const inputs = { asOf: AS_OF, exams: exams('2026-03-15T23:59:00Z'), lastSeenAt: at('2026-03-15T23:59:00Z') };
    expect(churnRisk(inputs, 14, standard)).toBeCloseTo(0.6 / 14 + 0.135, 12);
  });

  it('counts equal instants as gaps of 0', () => {
    // gaps 0 and 7 days: m = 3.5; n = 3, k = 0: 0.25·0.5 + 0.15·0.7
    const inputs = {
      asOf: AS_OF,
      exams: exams('2026-03-09T04:00:00Z', '2026-03-09T04:00:00Z', '2026-03-16T04:00:00Z'),
      lastSeenAt: at('2026-03-16T04:00:00Z'),
    };
    expect(churnRisk(inputs, 14, standard)).toBeCloseTo(0.23, 12);
  });

  it('takes a horizon below one day as one day', () => {
    const inputs = { asOf: AS_OF, exams: exams('2026-03-15'), lastSeenAt: at('2026-03-15') };
    expect(churnRisk(inputs, 0, standard)).toBe(churnRisk(inputs, 1, standard));
    expect(churnRisk(inputs, -3, standard)).toBeCloseTo(0.735, 12);
  });

  it('reads exams of 56 whole days', () => {
    const { from, through } = examWindow(AS_OF, standard);
    expect(formatInstant(from)).toBe('2026-01-20T00:00:00.000000Z');
    expect(formatInstant(through)).toBe('2026-03-16T23:59:59.999999Z');
  });

  describe('for any learner', () => {
    const day = Number(MICROS_PER_DAY);
    const learner = fc
      .record({
        spread: fc.array(fc.integer({ min: 0, max: 55 * day }), { maxLength: 30 }),
        sessions: fc.integer({ min: 1, max: 30 }),
        silent: fc.option(fc.integer({ min: 0, max: 400 * day })),
      })
      .map(({ spread, sessions, silent }): ChurnInputs => {
        const instants = spread.map((back) => AS_OF - BigInt(back)).sort((a, b) => (a < b ? -1 : 1));
        return {
          asOf: AS_OF,
          exams: {
            count: instants.length,
            first: instants[0] ?? null,
            newest: instants.at(-1) ?? null,
            sessions: Math.min(sessions, instants.length),
          },
          lastSeenAt: silent === null ? null : AS_OF - BigInt(silent),
        };
      });
    const horizon = fc.integer({ min: 1, max: 90 });

    it('is within 0 and 1', () => {
      fc.assert(
        fc.property(learner, horizon, fc.constantFrom(standard, legacy), (inputs, days, policy) => {
          const s = churnRisk(inputs, days, policy);
          if (s === null) return;
          expect(s).toBeGreaterThanOrEqual(0);
          expect(s).toBeLessThanOrEqual(1);
        }),
      );
    });

    it('never falls as the silence grows', () => {
      fc.assert(
        fc.property(learner, horizon, fc.integer({ min: 0, max: 100 * day }), (inputs, days, longer) => {
          const lastSeenAt = inputs.lastSeenAt ?? AS_OF;
          const before = churnRisk({ ...inputs, lastSeenAt }, days, standard) ?? Number.NaN;
          const after = churnRisk({ ...inputs, lastSeenAt: lastSeenAt - BigInt(longer) }, days, standard);
          expect(after).toBeGreaterThanOrEqual(before);
        }),
      );
    });

    it('never grows with a longer horizon', () => {
      fc.assert(
        fc.property(learner, horizon, horizon, (inputs, days, more) => {
          const s = churnRisk(inputs, days, standard);
          if (s !== null) expect(churnRisk(inputs, days + more, standard)).toBeLessThanOrEqual(s);
        }),
      );
    });
  });
});
