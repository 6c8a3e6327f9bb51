import { LastseenError } from '../runtime/errors.ts';
import { FEATURE_COUNT, FEATURES } from './model/features.ts';
import { addRow, emptySums, newtonStep } from './model/logistic.ts';
import { type ChurnModelBody, STRATA, stratumOf } from './model/model.ts';
import { SNAPSHOT, type SnapshotFile } from './snapshots-store.ts';

/** One model to fit: the snapshots that it may see. */
export interface Fit {
  readonly name: string;
  readonly sees: (fold: number, day: number) => boolean;
  /** Without enough snapshots it is left out, otherwise nothing is fitted. */
  readonly isOptional?: boolean;
}

export type FittedStrata = ChurnModelBody['strata'];

/** A range of silence with fewer snapshots has no slopes worth the name. */
const LEAST_SNAPSHOTS = 200;
/** Newton converges within ten steps, unless one feature separates all outcomes. */
const MOST_STEPS = 40;
const CONVERGED = 1e-9;

/**
 * Fits several models at once, each stratum by itself: one reading of the file per Newton step of all of them.
 *
 * @returns the models by their names, without optional ones that have too few snapshots
 * @throws LastseenError `too_little_data`
 */
export async function fitModels(
  file: SnapshotFile,
  fits: readonly Fit[],
  ridge: number,
  onRead: () => void,
): Promise<ReadonlyMap<string, FittedStrata>> {
  const parts = fits.flatMap((fit) => STRATA.map((_, stratum) => createPart(fit, stratum)));
  const partsOf = (items: Float64Array, at: number) => {
    const stratum = stratumOf(items[at + SNAPSHOT.silentDays] ?? 0);
    const [fold, day] = [items[at + SNAPSHOT.fold] ?? 0, items[at + SNAPSHOT.day] ?? 0];
    return parts.filter((part) => part.stratum === stratum && part.fit.sees(fold, day));
  };
  const read = async (onPart: (part: Part, items: Float64Array, at: number) => void) => {
    await file.forEach((items, at) => {
      for (const part of partsOf(items, at)) onPart(part, items, at);
    });
    onRead();
  };
  await read((part, items, at) => part.addToScale(items, at + SNAPSHOT.features));
  const tooFew = parts.filter((part) => part.rows() < LEAST_SNAPSHOTS);
  for (const part of tooFew) if (part.fit.isOptional !== true) throw tooLittleData(part);
  const fitted = fits.filter((fit) => tooFew.every((part) => part.fit !== fit));
  const used = parts.filter((part) => fitted.includes(part.fit));
  for (const part of used) part.setScale();
  for (let step = 0; step < MOST_STEPS && !used.every(({ isDone }) => isDone()); step++) {
    await read((part, items, at) => part.add(items, at));
    for (const part of used) part.step(ridge);
  }
  return new Map(
    fitted.map((fit) => [fit.name, parts.filter((part) => part.fit === fit).map((part) => part.fitted())]),
  );
}

function tooLittleData({ stratum, rows }: Part): LastseenError {
  return new LastseenError(
    'too_little_data',
    `too little data: ${rows()} snapshots of learners with ${STRATA[stratum]?.name} days of silence, and at least ` +
      `${LEAST_SNAPSHOTS} are needed: widen --from and --to`,
  );
}

interface Part {
  readonly fit: Fit;
  readonly stratum: number;
  rows(): number;
  addToScale(items: Float64Array, at: number): void;
  setScale(): void;
  add(items: Float64Array, at: number): void;
  step(ridge: number): void;
  isDone(): boolean;
  fitted(): FittedStrata[number];
}

function createPart(fit: Fit, stratum: number): Part {
  const name = STRATA[stratum]?.name ?? '';
  const [sums, squares] = [new Float64Array(FEATURE_COUNT), new Float64Array(FEATURE_COUNT)];
  const [means, spreads] = [new Float64Array(FEATURE_COUNT), new Float64Array(FEATURE_COUNT)];
  const scaled = new Float64Array(FEATURE_COUNT);
  let rows = 0;
  let weights: Float64Array = new Float64Array(FEATURE_COUNT + 1);
  let newton = emptySums(FEATURE_COUNT);
  let done = false;
  return {
    fit,
    stratum,
    rows: () => rows,
    addToScale(items, at) {
      rows++;
      for (let i = 0; i < FEATURE_COUNT; i++) {
        const value = items[at + i] ?? 0;
        sums[i] = (sums[i] ?? 0) + value;
        squares[i] = (squares[i] ?? 0) + value * value;
      }
    },
    setScale() {
      for (let i = 0; i < FEATURE_COUNT; i++) {
        const mean = (sums[i] ?? 0) / rows;
        const spread = Math.sqrt(Math.max(0, (squares[i] ?? 0) / rows - mean * mean));
        means[i] = mean;
        // The same for all: it says nothing, and the ridge sets its weight to 0.
        spreads[i] = spread < 1e-9 ? 1 : spread;
      }
    },
    add(items, at) {
      if (done) return;
      for (let i = 0; i < FEATURE_COUNT; i++) {
        scaled[i] = ((items[at + SNAPSHOT.features + i] ?? 0) - (means[i] ?? 0)) / (spreads[i] ?? 1);
      }
      addRow(newton, weights, { scaled, at: 0, happened: items[at + SNAPSHOT.happened] === 1 });
    },
    step(ridge) {
      if (done) return;
      const next = newtonStep(newton, weights, ridge);
      weights = next.weights;
      done = next.change < CONVERGED;
      newton = emptySums(FEATURE_COUNT);
    },
    isDone: () => done,
    fitted: () => ({
      stratum: name,
      intercept: weights[0] ?? 0,
      coefficients: Object.fromEntries(
        FEATURES.map((feature, i) => [
          feature.name,
          { mean: means[i] ?? 0, spread: spreads[i] ?? 1, weight: weights[i + 1] ?? 0 },
        ]),
      ),
    }),
  };
}
