import type { StudentId } from '../activity/activity.ts';
import { dateOf } from '../activity/instant.ts';
import type { Queryable } from '../postgres/database.ts';
import { must } from '../runtime/must.ts';
import { type Fit, type FittedStrata, fitModels } from './fit-pipeline.ts';
import {
  type AsOfDays,
  asOfDays,
  endOfOutcomes,
  forEachSnapshot,
  readLearnerDays,
  type SnapshotDeps,
  type SnapshotPlan,
  startOf,
} from './learner-days-pipeline.ts';
import { selectedRows } from './model/columns.ts';
import { evaluate } from './model/evaluation.ts';
import { writeFeatures } from './model/features.ts';
import { type ChurnModel, type ChurnModelBody, createScorer, STRATA, stratumOf, withHash } from './model/model.ts';
import { SNAPSHOT, type SnapshotFile, withSnapshotFile } from './snapshots-store.ts';

export interface TrainDeps extends SnapshotDeps {
  /** A reading of all snapshots has ended. */
  readonly onRead: () => void;
}

export interface TrainPlan extends SnapshotPlan {
  readonly ridge: number;
}

export interface Training {
  readonly model: ChurnModel;
  /** The last days of the plan that were left out, because the days after them are not over. */
  readonly incompleteDays: number;
}

/** One of five learners is left out of a model that is tested on them. */
const FOLDS = 5;
/** So is the last quarter of the time. */
const TIME_TESTED = 0.25;

/**
 * Fits S to what happened: one snapshot per learner and week, features from the days before the as-of only, and as the
 * outcome whether the learner was active on none of the days after. Everything is read in one transaction.
 *
 * @throws LastseenError `too_little_data` if a range of silence has too few snapshots, `interrupted` at a shutdown.
 */
export function train(deps: TrainDeps, plan: TrainPlan): Promise<Training> {
  return withSnapshotFile(async (file) => {
    const { first, last, incomplete, learners } = await deps.sourceDatabase.snapshot(async (snapshot, takenAt) => {
      const days = asOfDays(plan, takenAt);
      return { ...days, learners: await writeSnapshots(deps, plan, days, snapshot, file) };
    });
    const testsFrom = Math.ceil(last - (last - first) * TIME_TESTED);
    const fits = fitsOf(testsFrom, plan.horizonDays);
    const fitted = await fitModels(file, fits, plan.ridge, deps.onRead);
    const tested = (name: string, isTested: (fold: number, day: number) => boolean) =>
      testModel(file, fitted.get(name), isTested);
    const body: ChurnModelBody = {
      format: 'lastseen-churn-model/1',
      horizon_days: plan.horizonDays,
      trained: {
        from: dateOf(startOf(first)),
        to: dateOf(startOf(last)),
        learners,
        snapshots: file.count,
        ridge: plan.ridge,
      },
      strata: must(fitted.get('all'), 'it is not optional'),
      tested: {
        learners: await tested('learners', (fold) => fold === 0),
        time: await tested('time', (_, day) => day >= testsFrom),
      },
    };
    return { model: withHash(body), incompleteDays: incomplete };
  });
}

/** The models: one to keep, and two without what they are tested on. No outcome of the second reaches into its test. */
function fitsOf(testsFrom: number, horizonDays: number): readonly Fit[] {
  return [
    { name: 'all', sees: () => true },
    { name: 'learners', sees: (fold) => fold !== 0, isOptional: true },
    { name: 'time', sees: (_, day) => day + horizonDays <= testsFrom, isOptional: true },
  ];
}

/** @returns the number of learners with at least one snapshot */
async function writeSnapshots(
  deps: TrainDeps,
  { horizonDays }: TrainPlan,
  range: AsOfDays,
  snapshot: Queryable,
  file: SnapshotFile,
): Promise<number> {
  const learners = readLearnerDays(deps, snapshot, endOfOutcomes(range, horizonDays));
  const walk = { range, horizonDays, whenStopped: 'stopped before the model was trained' };
  return forEachSnapshot(deps, learners, walk, async ({ asOf, view, happened }, { studentId }) => {
    const { items, at } = await file.next();
    items[at + SNAPSHOT.fold] = foldOf(studentId);
    items[at + SNAPSHOT.day] = asOf;
    items[at + SNAPSHOT.silentDays] = view.silentDays;
    items[at + SNAPSHOT.happened] = happened ? 1 : 0;
    writeFeatures(view, items, at + SNAPSHOT.features);
  });
}

/** The same for a learner at every training. Keys are hashes, or UUIDs with random last digits. */
function foldOf(studentId: StudentId): number {
  return Number.parseInt(studentId.slice(-8), 16) % FOLDS;
}

type TestedStrata = ChurnModelBody['tested']['learners'];

/** Figures per stratum, and of all: on the snapshots that the model has not seen. Empty without a model. */
async function testModel(
  file: SnapshotFile,
  strata: FittedStrata | undefined,
  isTested: (fold: number, day: number) => boolean,
): Promise<TestedStrata> {
  if (strata === undefined) return {};
  const score = createScorer({ strata });
  const isOfTest = (items: Float64Array, at: number) =>
    isTested(items[at + SNAPSHOT.fold] ?? 0, items[at + SNAPSHOT.day] ?? 0);
  let size = 0;
  await file.forEach((items, at) => {
    if (isOfTest(items, at)) size++;
  });
  const all = {
    predicted: new Float64Array(size),
    silentDays: new Uint16Array(size),
    happened: new Uint8Array(size),
  };
  let next = 0;
  await file.forEach((items, at) => {
    if (!isOfTest(items, at)) return;
    const silentDays = items[at + SNAPSHOT.silentDays] ?? 0;
    all.predicted[next] = score(items, at + SNAPSHOT.features, silentDays);
    all.silentDays[next] = silentDays;
    all.happened[next++] = items[at + SNAPSHOT.happened] ?? 0;
  });
  const ofStratum = (stratum: number) => selectedRows(all, (i) => stratumOf(all.silentDays[i] ?? 0) === stratum);
  return Object.fromEntries([
    ['all', figuresOf(all)],
    ...STRATA.map(({ name }, stratum) => [name, figuresOf(ofStratum(stratum))] as const),
  ]);
}

type Predictions = {
  readonly predicted: Float64Array;
  readonly silentDays: Uint16Array;
  readonly happened: Uint8Array;
};

function figuresOf({ predicted, silentDays, happened }: Predictions): TestedStrata[string] {
  const { calibrationError, ...figures } = evaluate(predicted, happened);
  return {
    ...figures,
    calibration_error: calibrationError,
    silence_auc: evaluate(new Float64Array(silentDays), happened).auc,
  };
}

/** Readings of the file: the scale, then the steps of Newton's method that are usual. For a progress bar. */
export const USUAL_READINGS = 12;
