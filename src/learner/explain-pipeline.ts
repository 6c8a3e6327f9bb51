import { dateOf, type Instant, startOfIsoWeek } from '../activity/instant.ts';
import { studentIdOf } from '../activity/learner.ts';
import { SOURCES, type Source } from '../activity/source.ts';
import { decidingSource, eventId } from '../events/inactivity-decision.ts';
import { churnRisk, churnTerms } from '../kpi/figures/churn-risk.ts';
import type { FigureDeps } from '../kpi/figures-pipeline.ts';
import type { KpiLearner } from '../kpi/inputs/goal-store.ts';
import { lastSeenInSources } from '../kpi/inputs/last-seen-store.ts';
import { loadSilenceInputs } from '../kpi/inputs/silence-store.ts';
import { computeProbabilities, type Probability } from '../kpi/probabilities-pipeline.ts';
import type { Queryable } from '../postgres/database.ts';
import type { SweepPlan } from '../silence/plan.ts';
import { type Judgement, judge } from '../sweep/gates.ts';
import { answersTo, episodesOf, eventsOf, type SeenLearner, seenLearner, weeklyKpis } from './history-store.ts';

export type Explanation = Awaited<ReturnType<typeof explain>>;

/** The newest events and answers told; a long silence has one a day. */
const NEWEST = 20;

/**
 * All that is known of one learner and what follows from it as of an instant: when and where they were last seen, what a
 * sweep would decide and why, what was told of them, and what P and S are made of. Writes nothing.
 *
 * @param name a user_id or a student_id
 */
export async function explain(deps: FigureDeps, name: string, plan: SweepPlan) {
  const { source, database } = deps;
  const studentId = studentIdOf(name);
  const seen = await seenLearner(database, studentId);
  const learner: KpiLearner = { userId: seen?.userId ?? name, studentId, asOf: plan.asOf };
  const episodes = await episodesOf(database, studentId);
  const events = await eventsOf(database, studentId, NEWEST);
  const weekStart = dateOf(startOfIsoWeek(plan.asOf));
  const judgement: Judgement = judge({ seen, episodes }, plan);
  return {
    userId: seen === undefined ? name : seen.userId,
    studentId,
    asOf: plan.asOf,
    lastSeen: {
      inTable: seen === undefined ? null : inTable(seen),
      inSources: await inSources(source, learner, deps.options.sources),
    },
    ...judgement,
    episodes,
    events: events.map((event) => ({ ...event, eventId: eventId({ ...event, studentId }) })),
    p: await explainP(deps, learner),
    s: await explainS(deps, learner),
    weekStart,
    weeklyKpis: (await weeklyKpis(database, learner.userId, weekStart)) ?? null,
    answers: await answersTo(database, learner.userId, NEWEST),
  };
}

function inTable({ bySource, lastSeenAt }: SeenLearner) {
  return { at: lastSeenAt, bySource, decidedBy: decidingSource(bySource) };
}

/** By SQL over the source tables, not after the as-of: what the table knows no more once the learner was seen again. */
async function inSources(source: Queryable, learner: KpiLearner, enabled: readonly Source[]) {
  const bySource: Record<Source, Instant | null> = {
    exam_results: null,
    features_topic_daily: null,
    attempt: null,
    session: null,
  };
  for (const each of SOURCES.filter((one) => enabled.includes(one))) {
    bySource[each] = (await lastSeenInSources(source, [learner], new Set([each]))).get(0) ?? null;
  }
  const decidedBy = Object.values(bySource).some((at) => at !== null) ? decidingSource(bySource) : null;
  return { at: decidedBy && bySource[decidedBy], bySource, decidedBy };
}

async function explainP(deps: FigureDeps, learner: KpiLearner) {
  const [probability] = await computeProbabilities(deps, [learner]);
  if (probability === undefined) throw new Error('P was computed for fewer learners than asked for');
  const { figure, inputs, interval } = probability;
  return {
    value: figure.p,
    rule: figure.rule,
    interval,
    target: inputs.target,
    ability: inputs.ability,
    observations: inputs.observations.length,
    growth: inputs.growth,
    line: figure.posterior,
    z: margin(probability),
  };
}

/** How many standard deviations the ability lies above the target, and what of it either contributes. */
function margin({ figure, inputs }: Probability) {
  const standing = figure.posterior ?? inputs.ability;
  if (standing === null || standing.mean === null || standing.sd === null || !(standing.sd > 0)) return null;
  return {
    value: (standing.mean - inputs.target) / standing.sd,
    ofAbility: standing.mean / standing.sd,
    ofTarget: -inputs.target / standing.sd,
  };
}

async function explainS({ source, database, options }: FigureDeps, learner: KpiLearner) {
  const [loaded] = await loadSilenceInputs(source, database, [learner], options);
  if (loaded === undefined) throw new Error('inputs were loaded for fewer learners than asked for');
  const inputs = { asOf: learner.asOf, ...loaded };
  const { policy, churnHorizonDays } = options;
  return {
    value: churnRisk(inputs, churnHorizonDays, policy),
    ...loaded,
    horizonDays: churnHorizonDays,
    terms: churnTerms(inputs, churnHorizonDays, policy),
  };
}
