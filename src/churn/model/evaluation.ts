import { selected } from './columns.ts';

/** How well predictions rank and fit what happened. */
export interface Figures {
  readonly snapshots: number;
  /** Of these, the event happened. */
  readonly happened: number;
  /** The probability that one with the event is ranked above one without it; null if one of them is missing. */
  readonly auc: number | null;
  /** The mean of |predicted − observed| over ten bins of equal size by the prediction; null for no snapshot. */
  readonly calibrationError: number | null;
  /** The mean squared difference to the outcome. */
  readonly brier: number | null;
}

const BINS = 10;

/** @param happened 1 or 0 per prediction */
export function evaluate(predicted: Float64Array, happened: Uint8Array): Figures {
  const count = predicted.length;
  // Without a function that compares, typed arrays are sorted in place.
  const withEvent = selected(predicted, (i) => happened[i] === 1).sort();
  const without = selected(predicted, (i) => happened[i] !== 1).sort();
  return {
    snapshots: count,
    happened: withEvent.length,
    auc: areaUnderCurve(withEvent, without),
    calibrationError: count === 0 ? null : calibrationError(withEvent, without),
    brier: count === 0 ? null : brierScore(predicted, happened),
  };
}

/** The mean squared difference to the outcome, of at least one prediction. */
export function brierScore(predicted: Float64Array, happened: Uint8Array): number {
  return predicted.reduce((sum, p, i) => sum + (p - (happened[i] ?? 0)) ** 2, 0) / predicted.length;
}

/** The share of pairs in which the one with the event is higher; ties count half (Mann and Whitney). Both are sorted. */
function areaUnderCurve(withEvent: Float64Array, without: Float64Array): number | null {
  if (withEvent.length === 0 || without.length === 0) return null;
  let [below, upTo, wins] = [0, 0, 0];
  for (const score of withEvent) {
    while (below < without.length && (without[below] ?? 0) < score) below++;
    upTo = Math.max(upTo, below);
    while (upTo < without.length && (without[upTo] ?? 0) <= score) upTo++;
    wins += (below + upTo) / 2;
  }
  return wins / withEvent.length / without.length;
}

/** Both are sorted. */
function calibrationError(withEvent: Float64Array, without: Float64Array): number {
  const count = withEvent.length + without.length;
  let [event, other, sum] = [0, 0, 0];
  for (let bin = 1; bin <= BINS; bin++) {
    let difference = 0;
    for (const end = Math.round((bin * count) / BINS); event + other < end; ) {
      const [a, b] = [withEvent[event] ?? Number.POSITIVE_INFINITY, without[other] ?? Number.POSITIVE_INFINITY];
      if (a <= b) {
        difference += a - 1;
        event++;
      } else {
        difference += b;
        other++;
      }
    }
    sum += Math.abs(difference);
  }
  return sum / count;
}
