import type { StudentId } from '../../activity/activity.ts';
import type { Instant } from '../../activity/instant.ts';
import type { Source } from '../../activity/source.ts';
import { engagement, improvement, recovery, type Thetas, timeEfficiency } from './answer-figures.ts';
import { type AttemptRow, attemptOfRow, attemptsOfExam, type ExamResult } from './attempt.ts';
import { type ChurnInputs, churnRisk } from './churn-risk.ts';
import { type FigureName, type Figures, weeklyInstant } from './figure.ts';
import { type GoalInputs, goalFigure, type ProbabilityInterval, probabilityInterval } from './goal-probability.ts';
import type { MetricsPolicy } from './policy.ts';

export interface FigureOptions {
  readonly policy: MetricsPolicy;
  /** The sources whose activity counts as last seen. */
  readonly sources: readonly Source[];
  /** `exam_results`: attempts are derived from exam results, and the table `attempt` is not read. */
  readonly attemptSource: 'topic' | 'exam_results';
  readonly targetFrom: 'default' | 'interest_goal';
  /** The goal's level for a learner without a goal of their own. */
  readonly defaultTarget: number;
  /** Days of silence that weigh fully in S, and how far ahead of the as-of the growth model looks. */
  readonly churnHorizonDays: number;
  /** Whether the growth model comes before the normal rule of P. */
  readonly useBayesian: boolean;
  /** Whether I_t comes from fitted abilities if both of its windows have one. */
  readonly useIrtTheta: boolean;
}

/** A learner whose figures are wanted as of an instant. */
export interface FigureRequest {
  readonly userId: string;
  readonly studentId: StudentId;
  readonly asOf: Instant;
  readonly wanted: readonly FigureName[];
  /** `whole`: figures of a whole weekly row, as in the platform's weekly job; `existing`: P and S in an existing row. */
  readonly row: 'whole' | 'existing';
}

/** All that one learner's figures are computed from; null if no wanted figure needs it. */
export interface FigureInputs {
  readonly wanted: readonly FigureName[];
  /** Whether a source table has the learner; asked for whole rows only. An unknown learner gets no new weekly row. */
  readonly isKnown: boolean;
  readonly answers: AnswerInputs | null;
  readonly goal: GoalInputs | null;
  readonly churn: ChurnInputs | null;
}

/** Inputs of I_t, E_t, R_t and A_t. */
export interface AnswerInputs {
  /** An instant of d. */
  readonly day: Instant;
  readonly exams: readonly ExamResult[];
  readonly attempts: readonly AttemptRow[];
  /** Null with `METRICS_USE_IRT_THETA=false`: I_t then comes from answers only. */
  readonly thetas: Thetas | null;
}

export interface LearnerFigures {
  /** The wanted figures. */
  readonly figures: Figures;
  /** How far P may be off; null without a P. */
  readonly pInterval: ProbabilityInterval | null;
  /** The target of P; null if P is not wanted. */
  readonly target: number | null;
  /** Malformed elements of `questions`. */
  readonly skippedAnswers: number;
}

/** The instant that S is computed at. */
export function churnInstant({ asOf, row }: FigureRequest, policy: MetricsPolicy): Instant {
  return row === 'whole' ? weeklyInstant(asOf, policy) : asOf;
}

/** The wanted figures of one learner. */
export function figures(inputs: FigureInputs, options: FigureOptions): LearnerFigures {
  const { wanted, answers, goal, churn } = inputs;
  const { policy } = options;
  const { figures: ofAnswers, skippedAnswers } = answers === null ? NO_ANSWERS : answerFigures(answers, policy);
  const p = goal && goalFigure(goal, policy);
  const s = churn && churnRisk(churn, options.churnHorizonDays, policy);
  const computed: Figures = { ...ofAnswers, P: p?.p ?? null, S: s };
  return {
    figures: Object.fromEntries(wanted.map((name) => [name, computed[name] ?? null])),
    pInterval: p && goal && probabilityInterval(p, goal),
    target: goal === null ? null : goal.target,
    skippedAnswers,
  };
}

const NO_ANSWERS = { figures: {}, skippedAnswers: 0 };

function answerFigures({ day, exams, attempts: rows, thetas }: AnswerInputs, policy: MetricsPolicy) {
  const readings = exams.map((exam) => attemptsOfExam(exam, policy));
  const attempts = [...readings.flatMap((each) => each.attempts), ...rows.map(attemptOfRow)];
  return {
    figures: {
      I_t: improvement(attempts, day, policy, thetas),
      E_t: timeEfficiency(attempts, day, policy),
      R_t: recovery(attempts, day, policy),
      A_t: engagement(attempts, day, policy),
    },
    skippedAnswers: readings.reduce((sum, { malformed }) => sum + malformed, 0),
  };
}

/** Whether at least one figure could be computed. */
export function hasNumber(computed: Figures): boolean {
  return Object.values(computed).some((value) => typeof value === 'number');
}
