import type { Instant } from '../../activity/instant.ts';
import { numberOf, roundedNumberOf } from './figure.ts';
import type { MetricsPolicy } from './policy.ts';

/** One answer to one item: what I_t, E_t, R_t and A_t are computed from. */
export interface Attempt {
  readonly item: string;
  readonly topic: string | null;
  readonly at: Instant;
  readonly session: string | null;
  /** Null if unknown, as in all that follow. */
  readonly correct: boolean | null;
  readonly timeMs: number | null;
  readonly hints: number | null;
  /** What the answer adds to the dwell of its session: its seconds, not rounded. */
  readonly dwellSeconds: number | null;
}

export interface AttemptReading {
  readonly attempts: readonly Attempt[];
  /**
   * Elements of `questions` that are not objects, or whose `question_id` is neither text nor number; 1 for a text that
   * is not JSON. An element without a `question_id` is not an answer and not counted.
   */
  readonly malformed: number;
}

export interface ExamResult {
  /** `result_json` as text: if the driver parsed the jsonb, its numbers would lose digits. */
  readonly resultJson: string | null;
  /** `coalesce(updated_at, created_at)`. */
  readonly at: Instant;
  readonly session: string;
}

type ReadingPolicy = Pick<MetricsPolicy, 'unknownCorrect' | 'unknownTimeMs' | 'hints'>;

/**
 * The answers in an exam's result, one per element of its `questions`. Never throws: unreadable elements are left out
 * and counted. A result whose `questions` is not an array has no answers.
 */
export function attemptsOfExam(exam: ExamResult, policy: ReadingPolicy): AttemptReading {
  if (exam.resultJson === null) return NOTHING;
  const questions = questionsOf(exam.resultJson);
  if (questions === undefined) return { attempts: [], malformed: 1 };
  const attempts: Attempt[] = [];
  let malformed = 0;
  for (const element of questions) {
    const item = isObject(element) ? itemOf(element['question_id']) : undefined;
    if (item === undefined) malformed++;
    else if (item !== null) attempts.push(attemptOf(element as JsonObject, item, exam, policy));
  }
  return { attempts, malformed };
}

const NOTHING: AttemptReading = { attempts: [], malformed: 0 };

type JsonObject = Readonly<Record<string, unknown>>;

function attemptOf(element: JsonObject, item: string, exam: ExamResult, policy: ReadingPolicy): Attempt {
  const { timeMs, seconds } = timeOf(element['time_spent_sec']);
  return {
    item,
    topic: topicOf(element['topic']),
    at: exam.at,
    session: exam.session,
    correct: booleanOf(element['is_correct']) ?? booleanOf(element['correct']) ?? policy.unknownCorrect,
    timeMs: timeMs ?? policy.unknownTimeMs,
    hints: hintsOf(element['used_hints'], policy),
    dwellSeconds: seconds,
  };
}

/** A row of the captured `attempt` table, if the platform has one. In both profiles its nulls mean unknown. */
export interface AttemptRow {
  readonly item_id: bigint | string;
  readonly topic_id: string | null;
  readonly correct: boolean | null;
  readonly response_time_ms: number | null;
  readonly hint_used: boolean | null;
  readonly session_id: string | null;
  readonly completed_at: Instant;
}

export function attemptOfRow(row: AttemptRow): Attempt {
  return {
    item: sameItem(String(row.item_id)),
    topic: topicOf(row.topic_id),
    at: row.completed_at,
    session: row.session_id,
    correct: row.correct,
    timeMs: row.response_time_ms,
    hints: row.hint_used === null ? null : Number(row.hint_used),
    dwellSeconds: row.response_time_ms === null ? null : row.response_time_ms / 1000,
  };
}

/**
 * Numbers whose text a double may not reproduce: sixteen digits and more, exponents, and ids with a point (`7.0` is not
 * the id `7`). They are rare, and reading every number's source makes parsing many times slower.
 */
const NEEDS_SOURCE = /[:,[\s]-?\d(?:[\d.]{15}|[\d.]*[eE])|"question_id"\s*:\s*-?\d+\./;

/** The elements of `questions`; none if it is not an array, undefined if the text is not JSON. */
function questionsOf(text: string): readonly unknown[] | undefined {
  try {
    const result: unknown = NEEDS_SOURCE.test(text) ? JSON.parse(text, keepSource) : JSON.parse(text);
    const questions = isObject(result) ? result['questions'] : undefined;
    return Array.isArray(questions) ? questions : [];
  } catch {
    return undefined;
  }
}

/** Keeps the text of numbers in keys that may hold either, so that no digit is lost. */
function keepSource(key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number') return value;
  const exact = key === 'question_id' || key === 'time_spent_sec' || key === 'topic';
  return exact ? (context?.source ?? value) : value;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Null if there is no id, undefined if the value cannot be one. */
function itemOf(id: unknown): string | null | undefined {
  if (id === undefined || id === null || id === '') return null;
  if (typeof id === 'string') return sameItem(id);
  return typeof id === 'number' ? sameItem(String(id)) : undefined;
}

/** `007` and `7` are one item: leading zeros mean nothing if the whole text is digits. */
function sameItem(id: string): string {
  return id.startsWith('0') && /^\d+$/.test(id) ? id.replace(/^0+(?=\d)/, '') : id;
}

function topicOf(topic: unknown): string | null {
  if (typeof topic === 'number') return String(topic);
  return typeof topic === 'string' && topic !== '' ? topic : null;
}

/** As Postgres reads booleans: any case, blanks around, and every unambiguous prefix (`of`, but not `o`). */
const TRUE = /^\s*(t|tr|tru|true|y|ye|yes|on|1)\s*$/i;
const FALSE = /^\s*(f|fa|fal|fals|false|n|no|of|off|0)\s*$/i;

function booleanOf(value: unknown): boolean | null {
  if (typeof value === 'boolean') return value;
  if (value === 1) return true;
  if (value === 0) return false;
  if (typeof value !== 'string') return null;
  if (TRUE.test(value)) return true;
  return FALSE.test(value) ? false : null;
}

function timeOf(value: unknown): { readonly timeMs: number | null; readonly seconds: number | null } {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text !== 'string') return { timeMs: null, seconds: null };
  const timeMs = roundedNumberOf(text, 3);
  return { timeMs, seconds: timeMs === null ? null : numberOf(text) };
}

function hintsOf(value: unknown, policy: Pick<MetricsPolicy, 'hints'>): number | null {
  const count = countOf(value);
  switch (policy.hints) {
    case 'count':
      return count;
    case 'used_or_not':
      return count !== null && count > 0 ? 1 : 0;
  }
}

function countOf(value: unknown): number | null {
  if (typeof value === 'boolean') return Number(value);
  if (typeof value === 'string') return numberOf(value);
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}
