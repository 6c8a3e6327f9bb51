import { formatInstant, type Instant } from '../activity/instant.ts';
import type { Queryable } from './database.ts';

/** An inactivity event that was answered: what was written for it and what stood there before. */
export interface AnsweredEvent {
  readonly causeEventId: string;
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

/** Records each event once; one that is there stays as it is. */
export async function recordUpdates(tx: Queryable, events: readonly AnsweredEvent[]): Promise<void> {
  await tx.query({
    text: `
INSERT INTO lastseen.kpi_ledger
  (cause_event_id, user_id, week_start, as_of, computed, p, s, previous_p, previous_s, row_created)
SELECT cause_event_id, user_id, week_start, as_of, 'P_AND_S', p, s, previous_p, previous_s, row_created
FROM unnest($1::uuid[], $2::text[], $3::date[], $4::timestamptz[], $5::float8[], $6::float8[], $7::float8[],
  $8::float8[], $9::boolean[]) WITH ORDINALITY
  AS event (cause_event_id, user_id, week_start, as_of, p, s, previous_p, previous_s, row_created, position)
ORDER BY position
ON CONFLICT (cause_event_id) DO NOTHING`,
    values: [
      events.map(({ causeEventId }) => causeEventId),
      events.map(({ userId }) => userId),
      events.map(({ weekStart }) => weekStart),
      events.map(({ asOf }) => formatInstant(asOf)),
      events.map(({ p }) => p),
      events.map(({ s }) => s),
      events.map(({ previousP }) => previousP),
      events.map(({ previousS }) => previousS),
      events.map(({ created }) => created),
    ],
  });
}
