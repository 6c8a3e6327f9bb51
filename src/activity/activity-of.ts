import {
  type Activity,
  type ColumnValue,
  type DeadLetterReason,
  deadLetter,
  type Outcome,
  type Row,
  type StudentId,
  skip,
} from './activity.ts';
import type { Instant } from './instant.ts';
import { learnerKeyOf, unpadded } from './learner.ts';
import { hasQuestions } from './questions.ts';
import { SOURCE_FACTS, type Source } from './source.ts';
import { instantOf } from './times.ts';
import { parseUuid, Uuid } from './uuid.ts';

/** Where attempts come from: a captured `attempt` table, or the questions of exam results if `attempt` is a view of these. */
export type AttemptSource = 'topic' | 'exam_results';

export interface ActivityPolicy {
  readonly attemptSource: AttemptSource;
  /** How far past the record's own commit an instant may lie. */
  readonly maxClockSkewUs: bigint;
}

const QUESTIONS_COLUMN = 'result_json';
const YEAR_2000: Instant = 946_684_800_000_000n;

/** The columns that a decoder must read from the rows of a source. */
export function neededColumns(source: Source, attemptSource: AttemptSource): readonly string[] {
  const { learner, instants } = SOURCE_FACTS[source];
  const columns = [learner, ...instants];
  return isAlsoAttempt(source, attemptSource) ? [...columns, QUESTIONS_COLUMN] : columns;
}

/**
 * The activities in a row after its change. Absent columns are checked first, then nulls, then values, so that a changed
 * schema of the platform is reported as such. Never throws.
 *
 * @param committedAt when the change was committed; an instant may be later by the policy's skew.
 */
export function activitiesOf(source: Source, row: Row, committedAt: Instant, policy: ActivityPolicy): Outcome {
  const { learner: learnerColumn, instants } = SOURCE_FACTS[source];

  const learner = unpaddedId(row[learnerColumn]);
  if (learner === undefined) return missingColumn(learnerColumn);
  // An absent column ends the search, because its value is unknown.
  const instantColumn = instants.find((column) => row[column] !== null) ?? instants[0];
  const instantValue = row[instantColumn];
  if (instantValue === undefined) return missingColumn(instantColumn);
  if (learner === null || learner === '') return skip('no_learner');
  if (instantValue === null) return skip('no_instant');

  const identity = learnerColumn === 'student_id' ? byStudentId(learner) : byUserId(learner);
  if (identity === undefined) return invalid('bad_learner', badLearner(learnerColumn, learner));
  const at = instantOf(instantValue);
  if (at === undefined) return invalid('bad_instant', `${instantColumn} is not a time`);
  if (at < YEAR_2000) return invalid('instant_too_old', `${instantColumn} is before 2000-01-01`);
  if (at > committedAt + policy.maxClockSkewUs) {
    return invalid('instant_in_future', `${instantColumn} is too far after the record's own commit`);
  }

  const activity: Activity = { studentId: identity.studentId, userId: identity.userId, source, at };
  // An unchanged TOAST column comes without its value: then only the exam result counts.
  const result = row[QUESTIONS_COLUMN];
  if (isAlsoAttempt(source, policy.attemptSource) && typeof result === 'string' && hasQuestions(result)) {
    return { kind: 'applied', activities: [activity, { ...activity, source: 'attempt' }] };
  }
  return { kind: 'applied', activities: [activity] };
}

/** The learner in a row that cannot be applied for another reason; undefined if not readable. */
export function learnerIn(source: Source, row: Row): StudentId | undefined {
  const { learner } = SOURCE_FACTS[source];
  const value = unpaddedId(row[learner]);
  if (value === undefined || value === null || value === '') return undefined;
  const identity = learner === 'student_id' ? byStudentId(value) : byUserId(value);
  return identity?.studentId.toString() as StudentId | undefined;
}

function unpaddedId(value: ColumnValue): ColumnValue {
  return typeof value === 'string' ? unpadded(value) : value;
}

type Identity = Pick<Activity, 'studentId' | 'userId'>;

function byStudentId(value: ColumnValue): Identity | undefined {
  const studentId = typeof value === 'string' ? parseUuid(value) : value instanceof Uuid ? value : undefined;
  return studentId === undefined ? undefined : { studentId, userId: null };
}

/** Postgres cannot store text that has a NUL character or a lone surrogate. */
function byUserId(value: ColumnValue): Identity | undefined {
  if (value instanceof Uuid) return { studentId: value, userId: value };
  if (typeof value !== 'string' || value.includes('\0') || !value.isWellFormed()) return undefined;
  return { studentId: learnerKeyOf(value), userId: value };
}

function badLearner(column: string, value: ColumnValue): string {
  if (typeof value === 'object' && value !== null && 'unreadable' in value)
    return `${column} is of type ${value.unreadable}`;
  if (typeof value !== 'string') return `${column} is of type ${typeof value}, not text`;
  return column === 'student_id'
    ? `${column} is not a UUID in 8-4-4-4-12 text`
    : `${column} has a NUL character or invalid Unicode`;
}

function isAlsoAttempt(source: Source, attemptSource: AttemptSource): boolean {
  return source === 'exam_results' && attemptSource === 'exam_results';
}

const missingColumn = (column: string) => invalid('missing_column', `no column ${column}`);

const invalid = (reason: DeadLetterReason, detail: string) => deadLetter('activity', reason, detail);
