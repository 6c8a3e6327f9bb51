import type { Instant } from '../activity/instant.ts';
import type { Queryable } from '../postgres/database.ts';
import { neededAnswers, thetaWindows } from './figures/answer-windows.ts';
import { type Attempt, attemptOfRow, attemptsOfExam } from './figures/attempt.ts';
import { engagement } from './figures/engagement.ts';
import type { Figures } from './figures/figure-names.ts';
import { type ImprovementInputs, improvement, type Theta, type WindowThetas } from './figures/improvement.ts';
import type { MetricsPolicy } from './figures/policy.ts';
import { recovery } from './figures/recovery.ts';
import { timeEfficiency } from './figures/time-efficiency.ts';
import { weeklyDay } from './figures/weekly-day.ts';
import type { Window } from './figures/window.ts';
import { capturedAttempts, examsWithQuestions } from './inputs/answers-store.ts';
import type { KpiInputOptions, KpiLearner } from './inputs/goal-store.ts';
import { newestMirtThetas, topicThetas } from './inputs/thetas-store.ts';

export interface AnswerOptions {
  readonly policy: MetricsPolicy;
  readonly attemptSource: KpiInputOptions['attemptSource'];
  /** Whether I_t comes from fitted abilities if both of its windows have one. */
  readonly useIrtTheta: boolean;
}

export interface AnswerFigures {
  /** I_t, E_t, R_t and A_t. */
  readonly figures: Figures;
  /** Elements of `questions` that are no answer. */
  readonly skipped: number;
}

interface Answers {
  readonly attempts: Attempt[];
  skipped: number;
}

/** The figures that are made of answers, of a batch of learners in their order, each at the day of its weekly row. */
export async function computeAnswerFigures(
  source: Queryable,
  learners: readonly KpiLearner[],
  options: AnswerOptions,
): Promise<AnswerFigures[]> {
  const { policy } = options;
  const days = learners.map(({ asOf }) => weeklyDay(asOf, policy));
  const answers = await loadAnswers(source, learners, days, options);
  const thetas = options.useIrtTheta ? await loadThetas(source, learners, days) : undefined;
  return answers.map(({ attempts, skipped }, position) => {
    const day = days[position] ?? 0n;
    return {
      figures: {
        I_t: improvement({ attempts, thetas: thetas?.[position] ?? null }, day, policy),
        E_t: timeEfficiency(attempts, day, policy),
        R_t: recovery(attempts, day, policy),
        A_t: engagement(attempts, day, policy),
      },
      skipped,
    };
  });
}

async function loadAnswers(
  source: Queryable,
  learners: readonly KpiLearner[],
  days: readonly Instant[],
  { policy, attemptSource }: AnswerOptions,
): Promise<readonly Answers[]> {
  const asked = learners.map(({ userId, studentId }, position) => ({
    userId,
    studentId,
    window: neededAnswers(days[position] ?? 0n, policy),
  }));
  const answers: Answers[] = learners.map(() => ({ attempts: [], skipped: 0 }));
  for (const exam of await examsWithQuestions(source, asked)) {
    const { attempts, malformed } = attemptsOfExam(exam, policy);
    const of = answers[exam.position];
    if (of === undefined) continue;
    for (const attempt of attempts) of.attempts.push(attempt);
    of.skipped += malformed;
  }
  switch (attemptSource) {
    case 'topic':
      for (const row of await capturedAttempts(source, asked)) {
        answers[row.position]?.attempts.push(attemptOfRow(row));
      }
      return answers;
    case 'exam_results':
      return answers;
  }
}

async function loadThetas(
  source: Queryable,
  learners: readonly KpiLearner[],
  days: readonly Instant[],
): Promise<ImprovementInputs['thetas'][]> {
  const windows = days.map(thetaWindows);
  const of = (pick: 'recent' | 'previous') =>
    loadWindowThetas(
      source,
      learners.flatMap(({ userId }, position) => {
        const window = windows[position]?.[pick];
        return window === undefined ? [] : [{ userId, window }];
      }),
    );
  const recent = await of('recent');
  const previous = await of('previous');
  return learners.map((_, position) => ({
    recent: recent[position] ?? NO_THETAS,
    previous: previous[position] ?? NO_THETAS,
  }));
}

const NO_THETAS: WindowThetas = { newest: null, topics: [] };

async function loadWindowThetas(
  source: Queryable,
  asked: readonly { readonly userId: string; readonly window: Window }[],
): Promise<WindowThetas[]> {
  const newest = new Map<number, Theta>();
  for (const { position, ...theta } of await newestMirtThetas(source, asked)) newest.set(position, theta);
  const topics = new Map<number, Theta[]>();
  for (const { position, ...theta } of await topicThetas(source, asked)) {
    topics.set(position, [...(topics.get(position) ?? []), theta]);
  }
  return asked.map((_, position) => ({ newest: newest.get(position) ?? null, topics: topics.get(position) ?? [] }));
}
