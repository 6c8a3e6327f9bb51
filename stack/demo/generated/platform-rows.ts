/** Rows of the platform's tables as the generator makes them: instants as ISO text in microseconds, absent = null. */
interface ExamRow {
  readonly id: string;
  readonly session_id: string;
  readonly user_id: string;
  readonly exam_id: number;
  readonly status: 'submitted' | 'graded';
  readonly score_raw?: number;
  readonly result_json: { readonly questions: readonly Question[] };
  readonly created_at: string;
  readonly updated_at?: string;
}

export interface Question {
  readonly question_id: number;
  readonly topic: string;
  readonly is_correct?: boolean;
  readonly time_spent_sec: number;
  readonly used_hints: number;
}

interface FeatureRow {
  readonly user_id: string;
  readonly topic_id: string;
  readonly date: string;
  readonly attempts: number;
  readonly correct: number;
  readonly avg_time_ms: number;
  readonly hints: number;
  readonly last_seen_at: string;
  readonly computed_at: string;
}

interface AttemptRow {
  readonly id: number;
  readonly student_id: string;
  readonly item_id: number;
  readonly topic_id: string;
  readonly correct: boolean;
  readonly response_time_ms: number;
  readonly hint_used: boolean;
  readonly completed_at: string;
}

interface SessionRow {
  readonly id: string;
  readonly user_id: string;
  readonly started_at: string;
  readonly ended_at?: string;
  readonly status: 'open' | 'closed';
  readonly created_at: string;
}

export interface AbilityRow {
  readonly user_id: string;
  readonly mean: number | null;
  readonly sd: number | null;
  readonly fitted_at?: string;
  readonly created_at?: string;
}

export interface GoalRow {
  readonly user_id: string;
  readonly topic_id: string;
  readonly target_level: number;
  readonly priority: number;
}

export interface WeeklyRow {
  readonly user_id: string;
  readonly week_start: string;
  /** JSON as text: numbers wider than a double stay as written. */
  readonly kpis: string;
  readonly created_at: string;
  readonly updated_at: string;
}

/** The rows of one arrival, by table. */
export interface SourceRows {
  readonly exam_results: ExamRow[];
  readonly features_topic_daily: FeatureRow[];
  readonly attempt: AttemptRow[];
  readonly session: SessionRow[];
}

export function noRows(): SourceRows {
  return { exam_results: [], features_topic_daily: [], attempt: [], session: [] };
}
