import type { Instant } from './instant.ts';
import type { Source } from './source.ts';
import type { Uuid } from './uuid.ts';

declare const studentIdBrand: unique symbol;

/** A learner's key: a UUID in lower-case canonical text. */
export type StudentId = string & { readonly [studentIdBrand]: true };

/** One thing that a learner did, read from one change record. */
export interface Activity {
  readonly studentId: StudentId | Uuid;
  /** The platform's own name for the learner; null if the source has only the key (`attempt`). */
  readonly userId: string | Uuid | null;
  readonly source: Source;
  readonly at: Instant;
}

/** Why a record has no activity, which is not an error. */
export type SkipReason =
  | 'tombstone'
  | 'delete'
  | 'truncate'
  | 'message'
  | 'heartbeat'
  | 'transaction'
  | 'schema_change'
  | 'signal'
  | 'no_learner'
  | 'no_instant';

/** Why a record can never be applied. Operators search for these. */
export type DeadLetterReason =
  | 'not_decodable' // neither Avro in wire format nor JSON, truncated, or contradicts its schema
  | 'unknown_schema' // the registry answers 404 for the schema id
  | 'unknown_operation'
  | 'missing_column'
  | 'bad_learner' // student_id is not a UUID; user_id is not text, or has a NUL character
  | 'bad_instant' // the column is not a time
  | 'instant_in_future' // more than MAX_CLOCK_SKEW after the record's own commit
  | 'instant_too_old'; // before 2000-01-01

/** The step that failed. */
type Step = 'decode' | 'activity';

export type Outcome =
  | { readonly kind: 'applied'; readonly activities: readonly Activity[] }
  | { readonly kind: 'skipped'; readonly reason: SkipReason }
  | { readonly kind: 'deadLetter'; readonly reason: DeadLetterReason; readonly step: Step; readonly detail: string };

/**
 * A column's value after decoding, in any format. Times with a known unit are microseconds (`bigint`). Times as text, and
 * integers without a unit, are passed on unchanged and read by {@link import('./times.ts')}. Text that is a UUID may be a
 * {@link Uuid}. A column that is absent, or has the unavailable-value placeholder, is `undefined`.
 */
export type ColumnValue = bigint | number | string | boolean | null | undefined | Uuid | Unreadable;

/** A value of a type that no column in use can have (array, map, bytes, a time of day): the type, never the value. */
interface Unreadable {
  readonly unreadable: string;
}

/** The needed columns of a row after its change, by the platform's column names. */
export type Row = Readonly<Record<string, ColumnValue>>;

/** A decoded record of a source topic, independent of its format. */
export type Change =
  | {
      readonly kind: 'row';
      readonly row: Row;
      /** When the source committed it; null if the record does not say (then the Kafka timestamp is used). */
      readonly committedAt: Instant | null;
    }
  | Extract<Outcome, { kind: 'skipped' | 'deadLetter' }>;

export function skip(reason: SkipReason): Extract<Outcome, { kind: 'skipped' }> {
  return { kind: 'skipped', reason };
}

/** @param detail for the operator, without values of the row. */
export function deadLetter(
  step: Step,
  reason: DeadLetterReason,
  detail: string,
): Extract<Outcome, { kind: 'deadLetter' }> {
  return { kind: 'deadLetter', reason, step, detail };
}
