import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Instant, MICROS_PER_DAY, parseInstant } from '../../../src/activity/instant.ts';
import { writeWeeklyFigures } from '../../../src/kpi/weekly/figures-store.ts';
import { weekOf } from '../../../src/kpi/weekly/rows-store.ts';
import type { Queryable } from '../../../src/postgres/database.ts';
import { type FreshDatabase, freshDatabase } from '../../support/fresh-database.ts';
import { clearPlatform } from '../../support/platform-rows.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(async () => {
  await clearPlatform(db.database);
  await sql('UPDATE lastseen.retention SET week_floor = NULL');
});

const sql = (text: string, values: unknown[] = [], on: Queryable = db.database) =>
  on.query<Record<string, unknown>>({ text, values });

const WEDNESDAY = parseInstant('2026-03-18T05:00:00Z') ?? 0n;
const MONDAY = '2026-03-16';
const NEXT_MONDAY = '2026-03-23';

const event = (asOf: Instant = WEDNESDAY, eventId = randomUUID()) => ({ asOf, eventId });

/** Writes S of anna, as `recompute` does for an event, and as `kpi --store` does without one. */
async function write(s: number, { asOf, eventId }: { asOf: Instant; eventId: string | null }): Promise<unknown> {
  const weekStart = weekOf(asOf);
  const { count } = await sql('SELECT FROM weekly_kpi WHERE week_start = $1', [weekStart]);
  const computed = count === 1 ? ('P_AND_S' as const) : ('ALL' as const);
  const cause = eventId === null ? null : { eventId, computed, pInterval: null };
  const target = { userId: 'anna', weekStart, asOf, figures: { S: s }, cause };
  return (await writeWeeklyFigures(db.database, [target])).get(target);
}

/** What `prune` does when the week is over for long. */
async function pruneBelow(monday: string, on: Queryable = db.database): Promise<void> {
  await sql('UPDATE lastseen.retention SET week_floor = $1', [monday], on);
  await sql('DELETE FROM lastseen.kpi_ledger WHERE week_start < $1', [monday], on);
  await sql('DELETE FROM lastseen.kpi_watermark WHERE week_start < $1', [monday], on);
}

async function stored(): Promise<unknown> {
  const { rows } = await sql(`
SELECT (SELECT jsonb_agg(kpis -> 'S' ORDER BY week_start) FROM weekly_kpi) AS s,
  (SELECT count(*)::int FROM lastseen.kpi_ledger) AS answers, (SELECT count(*)::int FROM lastseen.kpi_watermark) AS watermarks`);
  return rows[0];
}

describe('an event of a week below the floor', () => {
  it('overwrites nothing although its answer and the watermark are removed', async () => {
    const first = event(WEDNESDAY);
    await write(0.4, first);
    await write(0.5, event(WEDNESDAY + MICROS_PER_DAY));
    await pruneBelow(NEXT_MONDAY);
    // Redriven, and an event that was never answered.
    for (const old of [first, event(WEDNESDAY), event(WEDNESDAY + 2n * MICROS_PER_DAY)]) {
      expect(await write(0.1, old)).toBe('outdated');
    }
    expect(await stored()).toEqual({ s: [0.5], answers: 0, watermarks: 0 });
  });

  it('creates no row', async () => {
    await pruneBelow(NEXT_MONDAY);
    expect(await write(0.1, event())).toBe('outdated');
    expect(await stored()).toEqual({ s: null, answers: 0, watermarks: 0 });
  });

  it('is skipped if the rows are removed while it waits for them', async () => {
    const first = event();
    await write(0.4, first);
    const writing = await db.database.transaction(async (prune) => {
      await pruneBelow(NEXT_MONDAY, prune);
      const outcome = write(0.1, first);
      await expect
        .poll(
          async () => {
            const waiting = `SELECT FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%kpi_watermark%'`;
            return (await sql(waiting)).count;
          },
          { timeout: 20_000 },
        )
        .toBe(1);
      return { outcome };
    });
    expect(await writing.outcome).toBe('outdated');
    expect(await stored()).toMatchObject({ s: [0.4], answers: 0 });
  });

  it('is still redelivered if its answer is not removed yet', async () => {
    const first = event();
    await write(0.4, first);
    await sql('UPDATE lastseen.retention SET week_floor = $1', [NEXT_MONDAY]);
    expect(await write(0.1, first)).toBe('redelivered');
  });
});

describe('an event of the week of the floor', () => {
  it('is answered, and an older or redelivered one is not', async () => {
    const [older, newer] = [event(WEDNESDAY), event(WEDNESDAY + MICROS_PER_DAY)];
    await write(0.5, newer);
    await pruneBelow(MONDAY);
    expect(await write(0.1, older)).toBe('outdated');
    expect(await write(0.1, newer)).toBe('redelivered');
    expect(await write(0.6, event(WEDNESDAY + 2n * MICROS_PER_DAY))).toBe('updated');
    expect(await stored()).toEqual({ s: [0.6], answers: 2, watermarks: 1 });
  });
});

describe('figures without an event, in a week below the floor', () => {
  const byHand = { asOf: WEDNESDAY, eventId: null };

  it('create a missing row, and change no existing one', async () => {
    await pruneBelow(NEXT_MONDAY);
    expect(await write(0.3, byHand)).toBe('created');
    expect(await write(0.1, byHand)).toBe('outdated');
    expect(await stored()).toEqual({ s: [0.3], answers: 0, watermarks: 0 });
  });
});
