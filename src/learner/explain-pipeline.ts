import { dateOf, type Instant, startOfIsoWeek } from '../activity/instant.ts';
import { studentIdOf, unpadded } from '../activity/learner.ts';
import { perSource, SOURCES, type Source } from '../activity/source.ts';
import { decidingSource, eventId } from '../events/inactivity-decision.ts';
import { type ChurnInputs, churnRisk, churnTerms } from '../kpi/figures/churn-risk.ts';
import type { FigureOptions, FigureRequest } from '../kpi/figures/figures.ts';
import { type GoalFigure, type GoalInputs, goalFigure, probabilityInterval } from '../kpi/figures/goal-probability.ts';
import { lastSeenInSources } from '../kpi/inputs/last-seen-store.ts';
import { type FigureDeps, loadFigureInputs } from '../kpi/inputs/pipeline.ts';
import type { Queryable } from '../postgres/database.ts';
import { must } from '../runtime/must.ts';
import type { SweepPlan } from '../silence/plan.ts';
import { checkGates } from '../sweep/gates.ts';
import {
  type LastSeenRow,
  readAnswers,
  readEpisodes,
  readEvents,
  readLastSeen,
  readOpenLetters,
  readUserIds,
  readWeeklyKpis,
} from './explain-store.ts';
import { nearNames } from './near-names.ts';

export type Explanation = Awaited<ReturnType<typeof explain>>;

interface ExplainDeps extends FigureDeps {
  /** Why own tables cannot be read; null if they can. */
  readonly missingTables: string | null;
  /** How many events and answers are read; null for all. */
  readonly newest: number | null;
}

/**
 * Everything that is known about one learner, and what follows from it as of an instant: when and in which source they were
 * last seen, what a sweep would decide and why, their episodes, events and answers, and the terms of P and S. Writes nothing.
 *
 * @param user a user_id or a student_id
 */
export async function explain(deps: ExplainDeps, user: string, plan: SweepPlan) {
  const { source, database, missingTables, newest } = deps;
  const hasTables = missingTables === null;
  const name = unpadded(user);
  const studentId = studentIdOf(name);
  const seen = hasTables ? await readLastSeen(database, studentId) : undefined;
  const learner: FigureRequest = {
    userId: seen?.userId ?? name,
    studentId,
    asOf: plan.asOf,
    wanted: ['P', 'S'],
    row: 'existing',
  };
  const episodes = hasTables ? await readEpisodes(database, studentId) : [];
  const events = hasTables ? await readEvents(database, studentId, newest) : [];
  const letters = hasTables ? await readOpenLetters(database, studentId) : [];
  const answers = hasTables ? await readAnswers(database, learner.userId, newest) : [];
  const weekStart = dateOf(startOfIsoWeek(plan.asOf));
  const weeklyKpis = (await readWeeklyKpis(database, learner.userId, weekStart)) ?? null;
  const inSources = await readLastSeenInSources(source, learner, deps.options.sources);
  const inputs = must((await loadFigureInputs(deps, [learner])).get(learner), 'inputs are loaded for every learner');
  const goal = must(inputs.goal, 'P is wanted');
  const rows = [...episodes, ...events, ...letters, ...answers, ...goal.observations];
  return {
    userId: seen === undefined ? name : seen.userId,
    studentId,
    asOf: plan.asOf,
    profile: deps.options.policy.profile,
    missingTables,
    /** Whether any table has a row of the learner. */
    isKnown: seen !== undefined || (inSources.at ?? weeklyKpis ?? goal.ability) !== null || rows.length > 0,
    lastSeen: {
      inTable: seen === undefined ? null : lastSeenInTable(seen),
      inSources,
    },
    ...checkGates({ seen, episodes, letters }, plan),
    episodes,
    events: events.map((event) => ({ ...event, eventId: eventId({ ...event, studentId }) })),
    p: explainP(goal, deps.options),
    s: explainS(must(inputs.churn, 'S is wanted'), deps.options),
    weekStart,
    weeklyKpis,
    answers,
  };
}

const SIMILAR_SHOWN = 5;

/** Known learners whose name is one typing mistake away. */
export async function similarLearners(
  { database, missingTables }: ExplainDeps,
  user: string,
): Promise<readonly string[]> {
  if (missingTables !== null) return [];
  return await readUserIds(database, nearNames(unpadded(user)).map(studentIdOf), SIMILAR_SHOWN);
}

function lastSeenInTable({ bySource, lastSeenAt }: LastSeenRow) {
  return { at: lastSeenAt, bySource, decidedBy: decidingSource(bySource) };
}

/** From the source tables, up to the as-of. The table of last seen forgets this when the learner is seen again. */
async function readLastSeenInSources(source: Queryable, learner: FigureRequest, enabled: readonly Source[]) {
  const bySource = perSource((): Instant | null => null);
  for (const each of SOURCES.filter((one) => enabled.includes(one))) {
    bySource[each] = (await lastSeenInSources(source, [learner], new Set([each]))).get(learner)?.at ?? null;
  }
  const decidedBy = Object.values(bySource).some((at) => at !== null) ? decidingSource(bySource) : null;
  return { at: decidedBy && bySource[decidedBy], bySource, decidedBy };
}

function explainP(inputs: GoalInputs, { policy, churnHorizonDays }: FigureOptions) {
  const figure = goalFigure(inputs, policy);
  return {
    value: figure.p,
    day: dateOf(inputs.asOf),
    horizonDays: churnHorizonDays,
    rule: figure.rule,
    interval: probabilityInterval(figure, inputs),
    target: inputs.target,
    ability: inputs.ability,
    observations: inputs.observations.length,
    growth: inputs.growth,
    line: figure.posterior,
    z: margin(figure, inputs),
  };
}

/** How many standard deviations the ability is above the target, and the shares of ability and target in that. */
function margin(figure: GoalFigure, inputs: GoalInputs) {
  const posterior = figure.posterior ?? inputs.ability;
  if (posterior === null || posterior.mean === null || posterior.sd === null || !(posterior.sd > 0)) return null;
  return {
    value: (posterior.mean - inputs.target) / posterior.sd,
    fromAbility: posterior.mean / posterior.sd,
    fromTarget: -inputs.target / posterior.sd,
  };
}

function explainS(inputs: ChurnInputs, { policy, churnHorizonDays }: FigureOptions) {
  return {
    value: churnRisk(inputs, churnHorizonDays, policy),
    day: dateOf(inputs.asOf),
    exams: inputs.exams,
    lastSeenAt: inputs.lastSeenAt,
    horizonDays: churnHorizonDays,
    terms: churnTerms(inputs, churnHorizonDays, policy),
  };
}
