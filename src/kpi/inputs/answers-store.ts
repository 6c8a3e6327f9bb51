import type { StudentId } from '../../activity/activity.ts';
import { textArray, windowArrays } from '../../postgres/arrays.ts';
import type { Queryable } from '../../postgres/database.ts';
import { rowByItem, rowsByItem } from '../../postgres/ordinality.ts';
import type { AttemptRow, ExamResult } from '../figures/attempt.ts';
import type { Exams } from '../figures/churn-risk.ts';
import type { Window } from '../figures/figure.ts';
import { hasStudentId, studentIdSpellings } from './last-seen-store.ts';

interface Learner {
  readonly userId: string;
  readonly studentId: StudentId;
}

/** The exam results with questions in each learner's window; an exam's time is that of its last change. */
export async function examsWithQuestions<L extends Learner>(
  source: Queryable,
  learners: readonly L[],
  windowOf: (learner: L) => Window,
): Promise<ReadonlyMap<L, readonly ExamResult[]>> {
  const { rows } = await source.query<ExamResult & { position: number }>({
    text: `
SELECT learner.position::int AS position, exam.at, exam.session_id AS session,
  jsonb_build_object('questions', exam.questions)::text AS "resultJson"
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[])
  WITH ORDINALITY AS learner (user_id, window_from, window_through, position)
JOIN (
  SELECT user_id, session_id, coalesce(updated_at, created_at) AS at, result_json -> 'questions' AS questions
  FROM exam_results WHERE user_id = ANY ($1)
) AS exam ON exam.user_id = learner.user_id AND exam.at BETWEEN learner.window_from AND learner.window_through
WHERE jsonb_typeof(exam.questions) = 'array' AND exam.questions <> '[]'`,
    values: [textArray(learners.map(({ userId }) => userId)), ...windowArrays(learners.map(windowOf))],
  });
  return rowsByItem(learners, rows);
}

/**
 * The rows of the captured table `attempt` in each learner's window. If a row's session is that of an exam result with
 * questions, its answer is one of these questions: the row is left out, because the answer would count twice.
 */
export async function capturedAttempts<L extends Learner>(
  source: Queryable,
  learners: readonly L[],
  windowOf: (learner: L) => Window,
): Promise<ReadonlyMap<L, readonly AttemptRow[]>> {
  const { rows } = await source.query<AttemptRow & { position: number }>({
    text: `
SELECT learner.position::int AS position, attempt.item_id, attempt.topic_id, attempt.correct,
  attempt.response_time_ms, attempt.hint_used, attempt.session_id, attempt.completed_at
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[])
  WITH ORDINALITY AS learner (student_id, window_from, window_through, position)
JOIN attempt ON ${hasStudentId('attempt', 'learner.student_id', '$4')}
  AND attempt.completed_at BETWEEN learner.window_from AND learner.window_through
WHERE attempt.item_id IS NOT NULL AND NOT EXISTS (
  SELECT FROM exam_results AS exam
  WHERE exam.session_id = attempt.session_id
    AND jsonb_typeof(exam.result_json -> 'questions') = 'array' AND exam.result_json -> 'questions' <> '[]')`,
    values: [
      textArray(learners.map(({ studentId }) => studentId)),
      ...windowArrays(learners.map(windowOf)),
      studentIdSpellings(learners),
    ],
  });
  return rowsByItem(learners, rows);
}

/** How many exams each learner has in the window, and when; learners without any are missing. */
export async function examsInWindow<L extends Learner>(
  source: Queryable,
  learners: readonly L[],
  windowOf: (learner: L) => Window,
): Promise<ReadonlyMap<L, Exams>> {
  const { rows } = await source.query<Exams & { position: number }>({
    text: `
SELECT learner.position::int AS position, count(*)::int AS count, min(exam.at) AS first, max(exam.at) AS newest,
  count(DISTINCT exam.session_id)::int AS sessions
FROM unnest($1::text[], $2::timestamptz[], $3::timestamptz[])
  WITH ORDINALITY AS learner (user_id, window_from, window_through, position)
JOIN (
  SELECT user_id, session_id, coalesce(updated_at, created_at) AS at FROM exam_results WHERE user_id = ANY ($1)
) AS exam
  ON exam.user_id = learner.user_id AND exam.at BETWEEN learner.window_from AND learner.window_through
GROUP BY learner.position`,
    values: [textArray(learners.map(({ userId }) => userId)), ...windowArrays(learners.map(windowOf))],
  });
  return rowByItem(learners, rows);
}
