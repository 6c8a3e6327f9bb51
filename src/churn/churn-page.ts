import { table } from '../cli/tables.ts';
import { FEATURES } from './model/features.ts';
import { type ChurnModel, STRATA } from './model/model.ts';

type Tested = ChurnModel['tested']['learners'];

export function modelPage(model: ChurnModel): string {
  const { trained, horizon_days: horizonDays, hash, tested } = model;
  return [
    table(
      ['model', hash],
      [
        ['S is', `the probability of no activity on ${horizonDays} days`],
        ['as-ofs', `weekly from ${trained.from} to ${trained.to}`],
        ['learners', count(trained.learners)],
        ['snapshots', count(trained.snapshots)],
        ['ridge', String(trained.ridge)],
      ],
    ),
    testedBlock('learners that the model had not seen', tested.learners),
    testedBlock('the last quarter of the time', tested.time),
    `What pushes S up (+) and down (−), per spread of the feature:\n${weightsTable(model)}`,
  ].join('\n\n');
}

function testedBlock(on: string, tested: Tested): string {
  if (Object.keys(tested).length === 0) return `Not tested on ${on}: too few snapshots.`;
  return `Tested on ${on}:\n${testedTable(tested)}`;
}

function testedTable(tested: Tested): string {
  const rows = ['all', ...STRATA.map(({ name }) => name)].map((name) => {
    const figures = tested[name];
    return [
      name === 'all' ? 'all' : `${name} days silent`,
      count(figures?.snapshots ?? 0),
      share(figures?.happened, figures?.snapshots),
      figure(figures?.auc),
      figure(figures?.silence_auc),
      figure(figures?.calibration_error),
      figure(figures?.brier),
    ];
  });
  return table(
    ['stratum', 'snapshots', 'stayed away', 'AUC', 'AUC of silence', 'calibration error', 'Brier score'],
    rows,
  );
}

function weightsTable({ strata }: ChurnModel): string {
  return table(
    ['feature', ...strata.map(({ stratum }) => stratum)],
    [
      ['(intercept)', ...strata.map(({ intercept }) => signed(intercept))],
      ...FEATURES.map(({ name }) => [
        name,
        ...strata.map(({ coefficients }) => signed(coefficients[name]?.weight ?? 0)),
      ]),
    ],
  );
}

export const count = (value: number) => value.toLocaleString('en');
export const figure = (value: number | null | undefined) => (value == null ? '–' : value.toFixed(3));
const signed = (value: number) => `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`;
const share = (part = 0, whole = 0) => (whole === 0 ? '–' : (part / whole).toFixed(3));
