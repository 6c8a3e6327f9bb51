import type { StudentId } from '../../activity/activity.ts';
import type { Instant } from '../../activity/instant.ts';
import { textArray, uuidArray, windowArrays } from '../../postgres/arrays.ts';
import type { Queryable } from '../../postgres/database.ts';
import type { AttemptRow } from '../figures/attempt.ts';
import type { Window } from '../figures/window.ts';

/** A learner, and the window whose answers are read. */
export interface AnswersOf {
  readonly userId: string;
  readonly studentId: StudentId;
  readonly window: Window;
}

/** An exam result with at least one question. */
interface ExamRow {
  readonly position: number;
  /** The `questions` of `result_json` as JSON text, because a double cannot hold every number in it. */
  readonly resultJson: string;
  readonly at: Instant;
  readonly session: string;
}

/** The exam results in each learner's window, by the learner's position; an exam's time is that of its last change. */
export async function examsWithQuestions(
  source: Queryable,
  learners: readonly AnswersOf[],
): Promise<readonly ExamRow[]> {
  const { rows } = await source.query<ExamRow>({
    text: `
SELECT learner.position::int - 1 AS position, exam.at, exam.session_id AS session,
  jsonb_build_object('questions', exam.questions)::text AS "resultJson"
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[])
  WITH ORDINALITY AS learner (user_id, window_from, window_through, position)
JOIN (
  SELECT user_id, session_id, coalesce(updated_at, created_at) AS at, result_json -> 'questions' AS questions
  FROM exam_results WHERE user_id = ANY ($1)
) AS exam ON exam.user_id = learner.user_id AND exam.at BETWEEN learner.window_from AND learner.window_through
WHERE jsonb_typeof(exam.questions) = 'array' AND exam.questions <> '[]'`,
    values: [textArray(learners.map(({ userId }) => userId)), ...edgesOf(learners)],
  });
  return rows;
}

/** A row of `attempt` that has an `item_id`. */
interface CapturedRow extends AttemptRow {
  readonly position: number;
}

/**
 * The rows of the captured table `attempt` in each learner's window. If a row's session is that of an exam result with
 * questions, its answer is one of these questions: the row is left out, because the answer would count twice.
 */
export async function capturedAttempts(
  source: Queryable,
  learners: readonly AnswersOf[],
): Promise<readonly CapturedRow[]> {
  const { rows } = await source.query<CapturedRow>({
    text: `
SELECT learner.position::int - 1 AS position, attempt.item_id, attempt.topic_id, attempt.correct,
  attempt.response_time_ms, attempt.hint_used, attempt.session_id, attempt.completed_at
FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[])
  WITH ORDINALITY AS learner (student_id, window_from, window_through, position)
JOIN attempt ON attempt.student_id = learner.student_id AND attempt.student_id = ANY ($1)
  AND attempt.completed_at BETWEEN learner.window_from AND learner.window_through
WHERE attempt.item_id IS NOT NULL AND NOT EXISTS (
  SELECT FROM exam_results AS exam
  WHERE exam.session_id = attempt.session_id
    AND jsonb_typeof(exam.result_json -> 'questions') = 'array' AND exam.result_json -> 'questions' <> '[]')`,
    values: [uuidArray(learners.map(({ studentId }) => studentId)), ...edgesOf(learners)],
  });
  return rows;
}

const edgesOf = (learners: readonly AnswersOf[]) => windowArrays(learners.map(({ window }) => window));
