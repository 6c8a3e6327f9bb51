import type { Outcome } from './activity.ts';
import type { Instant } from './instant.ts';
import type { Uuid } from './uuid.ts';

/**
 * A column's value after decoding, whatever the format was. Times of a known unit arrive as microseconds (`bigint`);
 * times as text, and integers whose format does not tell their unit, arrive as they are and are read by
 * {@link import('./times.ts')}. Text that is a UUID may arrive as one. A column that is absent, or holds the
 * unavailable-value placeholder, is `undefined`.
 */
export type ColumnValue = bigint | number | string | boolean | null | undefined | Uuid | Unreadable;

/** A value of a type that no column in use can have (array, map, bytes, a time of day): what it was, never the value. */
interface Unreadable {
  readonly unreadable: string;
}

/** The columns that matter of one row after its change, by the platform's column names. */
export type Row = Readonly<Record<string, ColumnValue>>;

/** A record of a source topic, decoded and freed of its format. */
export type Change =
  | {
      readonly kind: 'row';
      readonly row: Row;
      /** When the source committed it; null where the record does not say (then the Kafka timestamp stands in). */
      readonly committedAt: Instant | null;
    }
  | Extract<Outcome, { kind: 'skipped' | 'deadLetter' }>;
