import type { Instant } from '../../activity/instant.ts';
import type { Computed } from '../../events/kpi-updated-event.ts';
import { booleanArray, dateArray, doubleArray, instantArray, textArray, uuidArray } from '../../postgres/arrays.ts';
import type { Queryable } from '../../postgres/database.ts';
import type { ProbabilityInterval } from '../figures/probability-interval.ts';

/** The inactivity event that caused figures, and what is published beside them. */
export interface Cause {
  readonly eventId: string;
  readonly computed: Computed;
  readonly pInterval: ProbabilityInterval | null;
}

/** An inactivity event that was answered: the written figures and the previous ones. */
interface AnsweredEvent {
  readonly cause: Cause;
  readonly userId: string;
  /** `YYYY-MM-DD` */
  readonly weekStart: string;
  readonly asOf: Instant;
  readonly p: number | null;
  readonly s: number | null;
  readonly previousP: number | null;
  readonly previousS: number | null;
  readonly created: boolean;
}

/** Records each event once; an existing one stays as it is. */
export async function recordUpdates(tx: Queryable, events: readonly AnsweredEvent[]): Promise<void> {
  await tx.query({
    text: `
INSERT INTO lastseen.kpi_ledger
  (cause_event_id, user_id, week_start, as_of, computed, p, s, previous_p, previous_s, p_low, p_high,
   p_insufficient_data, row_created)
SELECT cause_event_id, user_id, week_start, as_of, computed, p, s, previous_p, previous_s, p_low, p_high,
  p_insufficient_data, row_created
FROM unnest($1::uuid[], $2::text[], $3::date[], $4::timestamptz[], $5::text[], $6::float8[], $7::float8[],
  $8::float8[], $9::float8[], $10::float8[], $11::float8[], $12::boolean[], $13::boolean[]) WITH ORDINALITY
  AS event (cause_event_id, user_id, week_start, as_of, computed, p, s, previous_p, previous_s, p_low, p_high,
    p_insufficient_data, row_created, position)
ORDER BY position
ON CONFLICT (cause_event_id) DO NOTHING`,
    values: [
      uuidArray(events.map(({ cause }) => cause.eventId)),
      textArray(events.map(({ userId }) => userId)),
      dateArray(events.map(({ weekStart }) => weekStart)),
      instantArray(events.map(({ asOf }) => asOf)),
      textArray(events.map(({ cause }) => cause.computed)),
      doubleArray(events.map(({ p }) => p)),
      doubleArray(events.map(({ s }) => s)),
      doubleArray(events.map(({ previousP }) => previousP)),
      doubleArray(events.map(({ previousS }) => previousS)),
      doubleArray(events.map(({ cause }) => cause.pInterval?.low ?? null)),
      doubleArray(events.map(({ cause }) => cause.pInterval?.high ?? null)),
      booleanArray(events.map(({ cause }) => cause.pInterval?.insufficientData ?? null)),
      booleanArray(events.map(({ created }) => created)),
    ],
  });
}
