import { json, table } from '../cli/tables.ts';
import { count, figure } from './churn-page.ts';
import type { ChurnModel } from './model/model.ts';
import type { StratumReport } from './model/report.ts';
import type { ChurnReport } from './report-pipeline.ts';

export function reportPage(report: ChurnReport, model: ChurnModel): string {
  const { learners, snapshots, strata } = report;
  const recent = strata.find(({ stratum }) => stratum === '0-30');
  return [
    table(
      ['model', model.hash],
      [
        ['S is', `the probability of no activity on ${model.horizon_days} days`],
        ['learners', count(learners)],
        ['snapshots', count(snapshots)],
      ],
    ),
    `By days of silence:\n${strataTable(strata)}`,
    ...(recent === undefined
      ? []
      : [
          `Up to 30 days of silence, by tenths of S:\n${decilesTable(recent)}`,
          `Up to 30 days of silence, if S is at least:\n${thresholdsTable(recent)}`,
        ]),
  ].join('\n\n');
}

function strataTable(strata: readonly StratumReport[]): string {
  return table(
    [
      ...['silence', 'snapshots', 'stayed away', 'AUC', 'of silence', 'of formula'],
      ...['calibration error', 'of formula', 'Brier', 'miscalibration', 'discrimination'],
    ],
    strata.map(({ stratum, snapshots, stayedAway, model, silence, formula }) => [
      stratum,
      count(snapshots),
      ...[stayedAway, model.auc, silence.auc, formula.auc, model.calibrationError, formula.calibrationError].map(
        figure,
      ),
      ...[model.score?.brier, model.score?.miscalibration, model.score?.discrimination].map(figure),
    ]),
  );
}

function decilesTable({ deciles }: StratumReport): string {
  return table(
    ['tenth', 'snapshots', 'S', 'stayed away', 'lift'],
    deciles.map(({ snapshots, predicted, observed, lift }, at) => [
      at + 1,
      count(snapshots),
      ...[predicted, observed, lift].map(figure),
    ]),
  );
}

function thresholdsTable({ thresholds }: StratumReport): string {
  return table(
    ['S', 'found', 'of these stayed away', 'of all who stayed away'],
    thresholds.map(({ threshold, flagged, precision, recall }) => [
      threshold.toFixed(1),
      ...[flagged, precision, recall].map(figure),
    ]),
  );
}

export function reportJson(report: ChurnReport, model: ChurnModel): string {
  return json({ model: model.hash, horizonDays: model.horizon_days, ...report });
}
