import type { Outcome } from './activity.ts';
import type { Instant } from './instant.ts';
import type { Uuid } from './uuid.ts';

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
