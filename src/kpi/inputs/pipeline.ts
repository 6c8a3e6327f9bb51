import type { Instant } from '../../activity/instant.ts';
import { studentIdOf } from '../../activity/learner.ts';
import type { Source } from '../../activity/source.ts';
import type { Queryable } from '../../postgres/database.ts';
import { LastseenError } from '../../runtime/errors.ts';
import { type ChurnInputs, NO_EXAMS } from '../figures/churn-risk.ts';
import {
  examWindow,
  FIGURES,
  type FigureName,
  neededAnswers,
  observationWindow,
  thetaWindows,
  weeklyInstant,
} from '../figures/figure.ts';
import {
  type AnswerInputs,
  churnInstant,
  type FigureInputs,
  type FigureOptions,
  type FigureRequest,
} from '../figures/figures.ts';
import { chosenAbility, type GoalInputs, predictionQuestion } from '../figures/goal-probability.ts';
import { abilitiesOf, goalTargets, newestMirtThetas, topicThetas } from './abilities-store.ts';
import { capturedAttempts, examsInWindow, examsWithQuestions } from './answers-store.ts';
import type { GrowthService } from './growth-service-client.ts';
import { newestGrowthFits, storedProbabilities } from './growth-store.ts';
import { knownLearners, lastSeenInSources, lastSeenInTable } from './last-seen-store.ts';

export interface FigureDeps {
  /** Where learner data is read from; may be a replica. */
  readonly source: Queryable;
  /** The database of last seen and `weekly_kpi`. */
  readonly database: Queryable;
  /** Asked first, if the growth model is on. */
  readonly growthService?: GrowthService | undefined;
  /** Whether last seen is read from the source tables only. */
  readonly ignoresLastSeenTable?: boolean;
  readonly options: FigureOptions;
}

type ByRequest<T> = ReadonlyMap<FigureRequest, T>;

/**
 * Loads all that the wanted figures of a batch are computed from. The number of queries depends on the wanted figures and
 * on the options, never on the number of learners. The queries run one after the other, because `source` may be a single
 * connection.
 */
export async function loadFigureInputs<R extends FigureRequest>(
  deps: FigureDeps,
  requests: readonly R[],
): Promise<ReadonlyMap<R, FigureInputs>> {
  const wanting = (...names: readonly FigureName[]) =>
    requests.filter(({ wanted }) => wanted.some((name) => names.includes(name)));
  const answers = await loadAnswers(deps, wanting('I_t', 'E_t', 'R_t', 'A_t'));
  const goals = await loadGoals(deps, wanting('P'));
  const churn = await loadChurn(deps, wanting('S'));
  const loaded = requests.map((request) => ({
    request,
    answers: answers.get(request) ?? null,
    goal: goals.get(request) ?? null,
    churn: churn.get(request) ?? null,
  }));
  const seldomSeen = loaded.filter((each) => each.request.row === 'whole' && !showsLearner(each));
  const known = await loadKnown(
    deps,
    seldomSeen.map(({ request }) => request),
  );
  const unknown = new Set(seldomSeen.map(({ request }) => request).filter((request) => !known.has(request)));
  return new Map(
    loaded.map(({ request, ...inputs }) => [
      request,
      { wanted: request.wanted, isKnown: !unknown.has(request), ...inputs },
    ]),
  );
}

/**
 * Runs each statement of the inputs once, for a learner without rows: what keeps all figures from being computed is met at the
 * start, and not at the first learner.
 *
 * @throws LastseenError `tables_differ` or `postgres_refused` if a table, a column or a right is missing
 */
export async function requireReadableInputs(
  { source, database, options }: Omit<FigureDeps, 'growthService'>,
  asOf: Instant,
): Promise<void> {
  const nobody: FigureRequest = { userId: '', studentId: studentIdOf(''), asOf, wanted: FIGURES, row: 'whole' };
  await loadFigureInputs({ source, database, options }, [nobody]);
}

/** Whether the inputs themselves show that the platform knows the learner. In the legacy profile a stored P does. */
function showsLearner({ answers, goal, churn }: Pick<FigureInputs, 'answers' | 'goal' | 'churn'>): boolean {
  return (
    (answers !== null && answers.exams.length + answers.attempts.length > 0) ||
    (goal !== null && (goal.ability !== null || goal.growth?.storedP != null)) ||
    (churn !== null && churn.exams.count > 0)
  );
}

async function loadKnown<R extends FigureRequest>({ source, options }: FigureDeps, requests: readonly R[]) {
  return requests.length === 0 ? new Set<R>() : knownLearners(source, requests, sourcesToRead(options));
}

async function loadAnswers(
  { source, options }: FigureDeps,
  requests: readonly FigureRequest[],
): Promise<ByRequest<AnswerInputs>> {
  if (requests.length === 0) return new Map();
  const dayOf = ({ asOf }: FigureRequest) => weeklyInstant(asOf, options.policy);
  const windowOf = (request: FigureRequest) => neededAnswers(dayOf(request), options.policy);
  const exams = await examsWithQuestions(source, requests, windowOf);
  const attempts = options.attemptSource === 'topic' ? await capturedAttempts(source, requests, windowOf) : undefined;
  const thetas = options.useIrtTheta ? await loadThetas(source, requests, options.policy) : undefined;
  return new Map(
    requests.map((request) => [
      request,
      {
        day: dayOf(request),
        exams: exams.get(request) ?? [],
        attempts: attempts?.get(request) ?? [],
        thetas: thetas?.get(request) ?? null,
      },
    ]),
  );
}

async function loadThetas(
  source: Queryable,
  requests: readonly FigureRequest[],
  policy: FigureOptions['policy'],
): Promise<ByRequest<NonNullable<AnswerInputs['thetas']>>> {
  const pairs = requests.map((request) => {
    const { recent, previous } = thetaWindows(weeklyInstant(request.asOf, policy), policy);
    const { userId } = request;
    return { request, recent: { userId, window: recent }, previous: { userId, window: previous } };
  });
  const windows = pairs.flatMap(({ recent, previous }) => [recent, previous]);
  const newest = await newestMirtThetas(source, windows);
  const topics = await topicThetas(source, windows);
  const thetasOf = (window: (typeof windows)[number]) => ({
    newest: newest.get(window) ?? null,
    topics: topics.get(window) ?? [],
  });
  return new Map(
    pairs.map(({ request, recent, previous }) => [request, { recent: thetasOf(recent), previous: thetasOf(previous) }]),
  );
}

async function loadGoals(
  { source, database, growthService, options }: FigureDeps,
  requests: readonly FigureRequest[],
): Promise<ByRequest<GoalInputs>> {
  if (requests.length === 0) return new Map();
  const { policy, useBayesian, churnHorizonDays, defaultTarget } = options;
  const abilities = await abilitiesOf(source, requests, ({ asOf }) => observationWindow(asOf).from);
  const targets = options.targetFrom === 'interest_goal' ? await goalTargets(source, requests) : undefined;
  const fits = useBayesian ? await newestGrowthFits(source, new Set(requests.map(({ asOf }) => asOf))) : undefined;
  const readsStored = useBayesian && policy.storedProbability === 'first';
  const stored = readsStored ? await storedProbabilities(database, requests) : undefined;
  const inputs = new Map(
    requests.map((request): [FigureRequest, GoalInputs] => {
      const rows = abilities.get(request);
      return [
        request,
        {
          asOf: request.asOf,
          target: targets?.get(request)?.target ?? defaultTarget,
          ability: rows === undefined ? null : chosenAbility(rows, policy),
          observations: rows?.observations ?? [],
          growth: fits
            ? {
                posteriorSummary: fits.get(request.asOf)?.summary ?? null,
                storedP: stored?.get(request)?.p ?? null,
                newestWithMean: rows?.newestWithMean ?? null,
                predicted: null,
                horizonDays: churnHorizonDays,
              }
            : null,
        },
      ];
    }),
  );
  return growthService === undefined ? inputs : withPredictions(growthService, inputs, policy);
}

/** Adds the answers of the growth service for the learners whose P they would decide. */
async function withPredictions(
  service: GrowthService,
  inputs: ByRequest<GoalInputs>,
  policy: FigureOptions['policy'],
): Promise<ByRequest<GoalInputs>> {
  const goals = [...inputs].map(([request, goal]) => ({ request, goal, question: predictionQuestion(goal, policy) }));
  const answers = await service(goals.flatMap(({ question }) => (question === null ? [] : [question])));
  return new Map(
    goals.map(({ request, goal, question }) => {
      const predicted = (question && answers.get(question)) ?? null;
      return [request, { ...goal, growth: goal.growth && { ...goal.growth, predicted } }];
    }),
  );
}

async function loadChurn(deps: FigureDeps, requests: readonly FigureRequest[]): Promise<ByRequest<ChurnInputs>> {
  if (requests.length === 0) return new Map();
  const { policy } = deps.options;
  const learners = requests.map((request) => ({ ...request, asOf: churnInstant(request, policy), request }));
  const exams = await examsInWindow(deps.source, learners, ({ request }) => examWindow(request.asOf, policy));
  const lastSeen = policy.silentSince === 'last_seen' ? await loadLastSeen(deps, learners) : undefined;
  return new Map(
    learners.map((learner) => [
      learner.request,
      { asOf: learner.asOf, exams: exams.get(learner) ?? NO_EXAMS, lastSeenAt: lastSeen?.get(learner)?.at ?? null },
    ]),
  );
}

/** The source tables are read only for learners that the table of last seen does not have. */
async function loadLastSeen<L extends FigureRequest>(
  { source, database, ignoresLastSeenTable, options }: FigureDeps,
  learners: readonly L[],
) {
  if (ignoresLastSeenTable) return lastSeenInSources(source, learners, sourcesToRead(options));
  const inTable = await lastSeenInTable(database, learners).catch(
    (error): Awaited<ReturnType<typeof lastSeenInTable<L>>> => {
      // Before the first migration only the source tables are read.
      if (error instanceof LastseenError && error.code === 'not_migrated') return new Map();
      throw error;
    },
  );
  const missing = learners.filter((learner) => !inTable.has(learner));
  if (missing.length === 0) return inTable;
  return new Map([...inTable, ...(await lastSeenInSources(source, missing, sourcesToRead(options)))]);
}

/** Attempts derived from exam results happen at the exam's instant. */
function sourcesToRead({ sources, attemptSource }: FigureOptions): ReadonlySet<Source> {
  if (attemptSource === 'topic') return new Set(sources);
  return new Set(sources.map((source) => (source === 'attempt' ? 'exam_results' : source)));
}
