import type { Instant } from './instant.ts';
import type { Source } from './source.ts';
import type { Uuid } from './uuid.ts';

declare const studentIdBrand: unique symbol;

/** A learner's key: a UUID in lower-case canonical text. */
export type StudentId = string & { readonly [studentIdBrand]: true };

/** One thing a learner did, read from one change record. */
export interface Activity {
  readonly studentId: StudentId | Uuid;
  /** The platform's own name for the learner; null where the source names only the key (`attempt`). */
  readonly userId: string | Uuid | null;
  readonly source: Source;
  readonly at: Instant;
}

/** Why a record rightly leaves no trace in the table. */
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

/** Why a record can never be applied. The first word of what an operator searches for. */
export type DeadLetterReason =
  | 'not_decodable' // neither Avro in wire format nor JSON, truncated, or not what its schema says
  | 'unknown_schema' // the registry answers 404 for the schema id
  | 'unknown_operation'
  | 'missing_column'
  | 'bad_learner' // student_id no UUID, user_id no text or with a NUL byte
  | 'bad_instant' // the column does not read as a time
  | 'instant_in_future' // more than MAX_CLOCK_SKEW after the record's own commit
  | 'instant_too_old'; // before 2000-01-01

/** The step that could not be done. */
type Step = 'decode' | 'activity';

export type Outcome =
  | { readonly kind: 'applied'; readonly activities: readonly Activity[] }
  | { readonly kind: 'skipped'; readonly reason: SkipReason }
  | { readonly kind: 'deadLetter'; readonly reason: DeadLetterReason; readonly step: Step; readonly detail: string };
