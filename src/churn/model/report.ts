import { selected, selectedRows } from './columns.ts';
import { evaluate } from './evaluation.ts';
import { STRATA, stratumOf } from './model.ts';
import { type ScoreSplit, splitScore } from './score-split.ts';

/** What is compared with what happened: one item per snapshot in each array. */
export type Scored = {
  /** S by the model. */
  readonly model: Float64Array;
  /** S by the formula; NaN if it has none. */
  readonly formula: Float64Array;
  readonly silentDays: Uint16Array;
  /** 1 if the learner stayed away. */
  readonly happened: Uint8Array;
};

interface Ranking {
  readonly auc: number | null;
  readonly calibrationError: number | null;
}

/** A tenth of the snapshots, by S. */
interface Decile {
  readonly snapshots: number;
  readonly predicted: number;
  readonly observed: number;
  /** The observed share compared with that of all. */
  readonly lift: number | null;
}

/** What a rule "S is at least the threshold" would find. */
interface AtThreshold {
  readonly threshold: number;
  /** The share of snapshots that it finds. */
  readonly flagged: number;
  /** The share of the found ones who stayed away; null if none is found. */
  readonly precision: number | null;
  /** The share of those who stayed away that it finds; null if nobody did. */
  readonly recall: number | null;
}

export interface StratumReport {
  /** `all`, `0-30` for those who are not long gone, or a range of days of silence. */
  readonly stratum: string;
  readonly snapshots: number;
  /** The share of learners who stayed away. */
  readonly stayedAway: number | null;
  readonly model: Ranking & { readonly score: ScoreSplit | null };
  /** The two to beat. */
  readonly silence: Pick<Ranking, 'auc'>;
  readonly formula: Ranking & { readonly score: ScoreSplit | null };
  /** From the lowest S to the highest. */
  readonly deciles: readonly Decile[];
  readonly thresholds: readonly AtThreshold[];
}

const DECILES = 10;
const THRESHOLDS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9] as const;
const RECENT = 30;

/** Per range of silence, because a figure of all learners by itself says little. */
export function reportOf(scored: Scored): readonly StratumReport[] {
  const within = (isIn: (silentDays: number) => boolean) =>
    selectedRows(scored, (i) => isIn(scored.silentDays[i] ?? 0));
  return [
    stratumReport('all', scored),
    stratumReport(
      `0-${RECENT}`,
      within((days) => days <= RECENT),
    ),
    ...STRATA.map(({ name }, stratum) =>
      stratumReport(
        name,
        within((days) => stratumOf(days) === stratum),
      ),
    ),
  ];
}

function stratumReport(stratum: string, { model, formula, silentDays, happened }: Scored): StratumReport {
  const { snapshots, happened: positives, auc, calibrationError } = evaluate(model, happened);
  const share = snapshots === 0 ? null : positives / snapshots;
  const hasFormula = (i: number) => !Number.isNaN(formula[i]);
  const [byFormula, ofFormula] = [selected(formula, hasFormula), selected(happened, hasFormula)];
  const formulaFigures = evaluate(byFormula, ofFormula);
  return {
    stratum,
    snapshots,
    stayedAway: share,
    model: { auc, calibrationError, score: splitScore(model, happened) },
    silence: { auc: evaluate(new Float64Array(silentDays), happened).auc },
    formula: {
      auc: formulaFigures.auc,
      calibrationError: formulaFigures.calibrationError,
      score: splitScore(byFormula, ofFormula),
    },
    deciles: decilesOf(model, happened, share),
    thresholds: THRESHOLDS.map((threshold) => atThreshold(threshold, model, happened, positives)),
  };
}

function decilesOf(model: Float64Array, happened: Uint8Array, share: number | null): readonly Decile[] {
  const order = Uint32Array.from(model.keys()).sort((a, b) => (model[a] ?? 0) - (model[b] ?? 0));
  const bound = (decile: number) => Math.round((decile * order.length) / DECILES);
  const members = Array.from({ length: DECILES }, (_, decile) => order.subarray(bound(decile), bound(decile + 1)));
  return members
    .filter(({ length }) => length > 0)
    .map((each) => {
      const observed = each.reduce((sum, i) => sum + (happened[i] ?? 0), 0) / each.length;
      return {
        snapshots: each.length,
        predicted: each.reduce((sum, i) => sum + (model[i] ?? 0), 0) / each.length,
        observed,
        lift: share === null || share === 0 ? null : observed / share,
      };
    });
}

function atThreshold(threshold: number, model: Float64Array, happened: Uint8Array, positives: number): AtThreshold {
  let [flagged, right] = [0, 0];
  for (const [i, p] of model.entries()) {
    if (p < threshold) continue;
    flagged++;
    right += happened[i] ?? 0;
  }
  return {
    threshold,
    flagged: model.length === 0 ? 0 : flagged / model.length,
    precision: flagged === 0 ? null : right / flagged,
    recall: positives === 0 ? null : right / positives,
  };
}
