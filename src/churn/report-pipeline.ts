import type { StudentId } from '../activity/activity.ts';
import { churnRisk, type Exams, NO_EXAMS } from '../kpi/figures/churn-risk.ts';
import type { Queryable } from '../postgres/database.ts';
import { type LearnerExams, readExams } from '../source-activity/exams-store.ts';
import { mergeByLearner } from '../source-activity/merge-by-learner.ts';
import {
  asOfDays,
  endOfOutcomes,
  forEachSnapshot,
  type KeyedDays,
  readLearnerDays,
  type SnapshotDeps,
  type SnapshotPlan,
  startOf,
  type TrackedSources,
} from './learner-days-pipeline.ts';
import { FEATURE_COUNT, writeFeatures } from './model/features.ts';
import { type ChurnModel, createScorer } from './model/model.ts';
import { reportOf, type Scored, type StratumReport } from './model/report.ts';

export interface ChurnReport {
  readonly learners: number;
  readonly snapshots: number;
  /** The last days of the plan that were left out, because the days after them are not over. */
  readonly incompleteDays: number;
  readonly strata: readonly StratumReport[];
}

/**
 * Compares S by a model, by the formula and by the days of silence with what happened, on weekly snapshots as those of a training.
 * The snapshots should be of other learners, or of a later time, than those that the model was trained on.
 *
 * @param formulaHorizonDays H of the formula
 * @throws LastseenError `too_little_data` if there is no snapshot, `interrupted` at a shutdown.
 */
export async function report(
  deps: SnapshotDeps,
  plan: Omit<SnapshotPlan, 'horizonDays'>,
  model: ChurnModel,
  formulaHorizonDays: number,
): Promise<ChurnReport> {
  const { horizon_days: horizonDays } = model;
  return deps.sourceDatabase.snapshot(async (snapshot, takenAt) => {
    const range = asOfDays({ ...plan, horizonDays }, takenAt);
    const collected = createScores();
    const score = createScorer(model);
    const features = new Float64Array(FEATURE_COUNT);
    const walk = { range, horizonDays, whenStopped: 'stopped before the report was complete' };
    const all = readLearners(deps, snapshot, endOfOutcomes(range, horizonDays));
    const learners = await forEachSnapshot(deps, all, walk, ({ asOf, view, happened }, { exams }) => {
      writeFeatures(view, features, 0);
      const formula = formulaAt(asOf, asOf - view.silentDays, exams, formulaHorizonDays);
      collected.add(score(features, 0, view.silentDays), formula, view.silentDays, happened);
    });
    const strata = reportOf(collected.scored());
    return { learners, snapshots: collected.size(), incompleteDays: range.incomplete, strata };
  });
}

/** Exams of learners without activity do not exist. */
async function* readLearners(
  deps: TrackedSources,
  snapshot: Queryable,
  until: bigint,
): AsyncGenerator<KeyedDays & { readonly exams: LearnerExams | undefined }, void, undefined> {
  type Row = KeyedDays | LearnerExams;
  const streams: AsyncIterator<Row, void, undefined>[] = [readLearnerDays(deps, snapshot, until)];
  if (deps.sources.has('exam_results')) streams.push(readExams(snapshot, until));
  for await (const { rows } of mergeByLearner<Row & { readonly studentId: StudentId }>(streams)) {
    const [keyed, exams] = rows as readonly [KeyedDays | undefined, LearnerExams | undefined];
    if (keyed !== undefined) yield { ...keyed, exams };
  }
}

/** Days of the window of exams, as for the formula. */
const EXAM_DAYS = 56;
const SECONDS_PER_DAY = 86_400;

/**
 * S by the formula at the start of a day.
 *
 * @param asOf and `lastDay`, that of the last activity: whole UTC days since 1970
 * @param horizonDays H of the formula
 */
export function formulaAt(
  asOf: number,
  lastDay: number,
  exams: Omit<LearnerExams, 'studentId'> | undefined,
  horizonDays: number,
): number {
  const inputs = {
    asOf: startOf(asOf),
    lastSeenAt: startOf(lastDay),
    exams: exams === undefined ? NO_EXAMS : examsUntil(asOf, exams),
  };
  return churnRisk(inputs, horizonDays, { silentSince: 'last_seen' }) ?? Number.NaN;
}

function examsUntil(asOf: number, { at, sessions }: Omit<LearnerExams, 'studentId'>): Exams {
  const isIn = (seconds: number) =>
    seconds <= asOf * SECONDS_PER_DAY && seconds >= (asOf - EXAM_DAYS + 1) * SECONDS_PER_DAY;
  const first = at.findIndex(isIn);
  const last = at.findLastIndex(isIn);
  const [from, to] = [at[first], at[last]];
  if (from === undefined || to === undefined) return NO_EXAMS;
  return {
    count: last - first + 1,
    first: BigInt(Math.round(from * 1e6)),
    newest: BigInt(Math.round(to * 1e6)),
    sessions: new Set(sessions.slice(first, last + 1)).size,
  };
}

/** Columns that grow by doubling. */
function createScores() {
  let capacity = 1_024;
  let size = 0;
  let scored: Scored = columns(capacity);
  return {
    size: () => size,
    add(model: number, formula: number, silentDays: number, happened: boolean): void {
      if (size === capacity) {
        capacity *= 2;
        const larger = columns(capacity);
        for (const name of ['model', 'formula', 'silentDays', 'happened'] as const) larger[name].set(scored[name]);
        scored = larger;
      }
      scored.model[size] = model;
      scored.formula[size] = formula;
      scored.silentDays[size] = silentDays;
      scored.happened[size++] = happened ? 1 : 0;
    },
    scored: (): Scored => ({
      model: scored.model.subarray(0, size),
      formula: scored.formula.subarray(0, size),
      silentDays: scored.silentDays.subarray(0, size),
      happened: scored.happened.subarray(0, size),
    }),
  };
}

function columns(length: number): Scored {
  return {
    model: new Float64Array(length),
    formula: new Float64Array(length),
    silentDays: new Uint16Array(length),
    happened: new Uint8Array(length),
  };
}
