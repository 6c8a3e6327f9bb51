import { brierScore } from './evaluation.ts';

/** The Brier score of predictions, divided into what can be learned from it. */
export interface ScoreSplit {
  readonly brier: number;
  /** How much of it recalibrating would remove: 0 if each prediction is the share that is observed. */
  readonly miscalibration: number;
  /** How much better recalibrated predictions are than the same prediction for all. */
  readonly discrimination: number;
  /** The score of the same prediction for all: the share itself. */
  readonly uncertainty: number;
}

/**
 * `brier = miscalibration − discrimination + uncertainty`, by the isotonic recalibration of the predictions (CORP): Dimitriadis,
 * Gneiting and Jordan, Stable reliability diagrams for probabilistic classifiers, PNAS 2021.
 *
 * @param happened 1 or 0 per prediction
 * @returns null without predictions
 */
export function splitScore(predicted: Float64Array, happened: Uint8Array): ScoreSplit | null {
  const count = predicted.length;
  if (count === 0) return null;
  const share = happened.reduce((sum, each) => sum + each, 0) / count;
  const brier = brierScore(predicted, happened);
  // Within a block of one recalibrated value v with n members, e of them with the event: Σ (v − y)² = n·v² − 2·v·e + e.
  const recalibrated =
    recalibrate(predicted, happened).reduce((sum, { members, events }) => {
      const value = events / members;
      return sum + members * value * value - 2 * value * events + events;
    }, 0) / count;
  const uncertainty = share * (1 - share);
  return { brier, miscalibration: brier - recalibrated, discrimination: uncertainty - recalibrated, uncertainty };
}

/** Neighbours in the order of their predictions, to which the recalibration gives the same value: events / members. */
export interface Block {
  members: number;
  events: number;
  /** The lowest and the highest prediction among them. */
  from: number;
  to: number;
}

/** Isotonic regression by pooling adjacent violators; equal predictions are always pooled. */
export function recalibrate(predicted: Float64Array, happened: Uint8Array): readonly Block[] {
  const order = Uint32Array.from(predicted.keys()).sort((a, b) => (predicted[a] ?? 0) - (predicted[b] ?? 0));
  const blocks: Block[] = [];
  for (const i of order) {
    const p = predicted[i] ?? 0;
    const last = blocks.at(-1);
    if (last?.to === p && last.from === p) {
      last.members++;
      last.events += happened[i] ?? 0;
      continue;
    }
    pool(blocks);
    blocks.push({ members: 1, events: happened[i] ?? 0, from: p, to: p });
  }
  pool(blocks);
  return blocks;
}

/** Joins the last block with those before it, until their values increase. */
function pool(blocks: Block[]): void {
  for (;;) {
    const [before, last] = blocks.slice(-2);
    if (before === undefined || last === undefined) return;
    if (before.events * last.members < last.events * before.members) return;
    blocks.length -= 2;
    blocks.push({
      members: before.members + last.members,
      events: before.events + last.events,
      from: before.from,
      to: last.to,
    });
  }
}
