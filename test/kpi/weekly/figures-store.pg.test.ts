import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Instant, MICROS_PER_DAY, parseInstant } from '../../../src/activity/instant.ts';
import { type WeeklyFigures, type WriteOutcome, writeWeeklyFigures } from '../../../src/kpi/weekly/figures-store.ts';
import { existingRows, weekOf } from '../../../src/kpi/weekly/rows-store.ts';
import { type Database, openDatabase, type Queryable } from '../../../src/postgres/database.ts';
import { isRetriable } from '../../../src/runtime/errors.ts';
import { type FreshDatabase, freshDatabase } from '../../support/fresh-database.ts';
import { clearPlatform } from '../../support/platform-rows.ts';

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
});
afterAll(() => db.close());
beforeEach(() => clearPlatform(db.database));

const AS_OF = parseInstant('2026-03-18T05:00:00Z') ?? 0n;
const MONDAY = '2026-03-16';

interface Answer {
  readonly causeEventId: string;
  readonly userId: string;
  readonly asOf: Instant;
  readonly p: number | null;
  readonly s: number | null;
}

function figures(changes: Partial<Answer> = {}): Answer {
  return { causeEventId: randomUUID(), userId: 'anna', asOf: AS_OF, p: 0.75, s: 0.5, ...changes };
}

/** The figures as `recompute` writes them: which ones depends on the existing row. */
async function toWrite(on: Queryable, answers: readonly Answer[]): Promise<WeeklyFigures[]> {
  const weeks = answers.map((answer) => ({ ...answer, weekStart: weekOf(answer.asOf) }));
  const existing = await existingRows(on, weeks);
  return weeks.map((week) => ({
    ...week,
    figures: { P: week.p, S: week.s },
    cause: {
      eventId: week.causeEventId,
      computed: existing.get(week)?.isObject === true ? 'P_AND_S' : 'ALL',
      pInterval: null,
    },
  }));
}

/** The outcomes, in the order of `answers`. */
async function writeTo(on: Database, ...answers: Answer[]): Promise<readonly (WriteOutcome | undefined)[]> {
  const figures = await toWrite(on, answers);
  const outcomes = await writeWeeklyFigures(on, figures);
  return figures.map((each) => outcomes.get(each));
}
const write = (...answers: Answer[]) => writeTo(db.database, ...answers);

/** Retries after a conflict, as the consumer does. */
async function writeUntilDone(...answers: Answer[]): ReturnType<typeof write> {
  try {
    return await write(...answers);
  } catch (error) {
    if (!isRetriable(error)) throw error;
    return await writeUntilDone(...answers);
  }
}

/** A row that the platform's weekly job wrote on Monday. */
async function existingRow(kpis: string | null, userId = 'anna'): Promise<void> {
  await db.database.query({
    text: `INSERT INTO weekly_kpi VALUES ($1, $2, $3::jsonb, '2026-03-16 06:00Z', '2026-03-16 06:00Z')`,
    values: [userId, MONDAY, kpis],
  });
}

interface Row {
  readonly kpis: string;
  readonly week: string;
  readonly touched: boolean;
  readonly created_then: boolean;
}

async function rowOf(userId = 'anna'): Promise<Row | undefined> {
  const { rows } = await db.database.query<Row>({
    text: `SELECT kpis::text AS kpis, week_start::text AS week, updated_at > '2026-03-17' AS touched,
             created_at = '2026-03-16 06:00Z' AS created_then
           FROM weekly_kpi WHERE user_id = $1 ORDER BY week_start DESC LIMIT 1`,
    values: [userId],
  });
  return rows[0];
}

interface Ledger {
  readonly p: number | null;
  readonly s: number | null;
  readonly previous_p: number | null;
  readonly previous_s: number | null;
  readonly row_created: boolean;
}

async function ledger(): Promise<readonly Ledger[]> {
  const { rows } = await db.database.query<Ledger>({
    text: 'SELECT p, s, previous_p, previous_s, row_created FROM lastseen.kpi_ledger ORDER BY seq',
  });
  return rows;
}

/** The place and the writing transaction of every row: equal only if nothing was written. */
async function fingerprint(): Promise<string> {
  const { rows } = await db.database.query<{ all: string }>({
    text: `SELECT string_agg(line, ' ' ORDER BY line) AS all FROM (
             SELECT format('weekly %s %s %s', user_id, ctid, xmin) FROM weekly_kpi
             UNION ALL SELECT format('watermark %s %s %s', user_id, ctid, xmin) FROM lastseen.kpi_watermark
             UNION ALL SELECT format('ledger %s %s %s', seq, ctid, xmin) FROM lastseen.kpi_ledger) AS rows (line)`,
  });
  return rows[0]?.all ?? '';
}

/** Resolves once a connection waits for a lock in a query on the table. */
async function waitedFor(table: string): Promise<void> {
  await expect
    .poll(async () => {
      const { rows } = await db.database.query({
        text: `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1`,
        values: [`%${table}%`],
      });
      return rows.length;
    })
    .toBeGreaterThan(0);
}

describe('writing P and S into a weekly row', () => {
  const others = '"A_t": 0.10, "E_t": -1.500, "I_t": 1E-7, "R_t": null, "Ω": {"b": [1, 2.00], "a": "x"}, "zz": 1e3';

  it('leaves every other key as it is, byte for byte', async () => {
    await existingRow(`{${others}, "P": 0.1, "S": 0.2}`);
    const before = JSON.parse((await rowOf())?.kpis ?? '');
    expect(await write(figures())).toEqual(['updated']);
    const { rows } = await db.database.query<{ kept: boolean }>({
      text: `SELECT ((kpis - 'P' - 'S')::text = ($1::jsonb)::text) AS kept FROM weekly_kpi`,
      values: [`{${others}}`],
    });
    expect(rows).toEqual([{ kept: true }]);
    expect(JSON.parse((await rowOf())?.kpis ?? '')).toEqual({ ...before, P: 0.75, S: 0.5 });
    expect(await rowOf()).toMatchObject({ week: MONDAY, touched: true, created_then: true });
    expect(await ledger()).toEqual([{ p: 0.75, s: 0.5, previous_p: 0.1, previous_s: 0.2, row_created: false }]);
  });

  it('keeps a stored figure if the new one could not be computed', async () => {
    await existingRow('{"P": 0.1, "S": 0.2}');
    expect(await write(figures({ p: null }))).toEqual(['updated']);
    expect((await rowOf())?.kpis).toBe('{"P": 0.1, "S": 0.5}');
    expect(await ledger()).toEqual([{ p: null, s: 0.5, previous_p: 0.1, previous_s: 0.2, row_created: false }]);
  });

  it('does not write an unchanged row, but records the answer', async () => {
    await existingRow('{"P": 0.750, "S": 5e-1, "I_t": 1}');
    const before = await fingerprint();
    expect(await write(figures())).toEqual(['unchanged']);
    expect((await fingerprint()).match(/weekly[^w]*/)?.[0]).toBe(before.match(/weekly[^w]*/)?.[0]);
    expect(await rowOf()).toMatchObject({ kpis: '{"P": 0.750, "S": 0.5, "I_t": 1}', touched: false });
    expect(await ledger()).toHaveLength(1);
  });

  it.each([
    ['SQL null', null],
    ['JSON null', 'null'],
    ['an array', '[{"P": 0.1}]'],
    ['text', '"P"'],
    ['a number', '1'],
  ])('creates an object of P and S if kpis is %s', async (_, kpis) => {
    await existingRow(kpis);
    expect(await write(figures())).toEqual(['created']);
    expect(await rowOf()).toMatchObject({ kpis: '{"P": 0.75, "S": 0.5}', touched: true, created_then: true });
    expect(await ledger()).toEqual([{ p: 0.75, s: 0.5, previous_p: null, previous_s: null, row_created: true }]);
  });

  it('creates a missing row, with the figures that are not null', async () => {
    expect(await write(figures({ p: null }))).toEqual(['created']);
    expect(await rowOf()).toMatchObject({ kpis: '{"S": 0.5}', week: MONDAY, touched: true });
  });

  it.each([
    ['text', '"0.5"'],
    ['the text NaN', '"NaN"'],
    ['more than a double holds', '1e400'],
    ['null', 'null'],
    ['an object', '{"value": 0.5}'],
    ['a boolean', 'true'],
  ])('treats a previous figure that is %s as null, and replaces it', async (_, previous) => {
    await existingRow(`{"P": ${previous}, "S": 0.25}`);
    expect(await write(figures())).toEqual(['updated']);
    expect((await rowOf())?.kpis).toBe('{"P": 0.75, "S": 0.5}');
    expect(await ledger()).toEqual([{ p: 0.75, s: 0.5, previous_p: null, previous_s: 0.25, row_created: false }]);
  });

  it('stores doubles unrounded, with any extra_float_digits of the server', async () => {
    const name = new URL(db.url).pathname.slice(1);
    await db.database.query({ text: `ALTER DATABASE ${name} SET extra_float_digits = -15` });
    const other = openDatabase({ url: db.url, applicationName: 'few-digits' });
    try {
      for (const value of [0.1 + 0.2, 1 / 3, 1e-300, 5e-324, 0.9999999999999999, 0, 1]) {
        await writeTo(other, figures({ userId: String(value), p: value, s: value }));
        expect(JSON.parse((await rowOf(String(value)))?.kpis ?? '')).toEqual({ P: value, S: value });
      }
      expect((await ledger()).map(({ p }) => p)).toContain(1 / 3);
    } finally {
      await other.close();
      await db.database.query({ text: `ALTER DATABASE ${name} RESET extra_float_digits` });
    }
  });

  it('throws a retriable conflict if the platform creates the row meanwhile', async () => {
    const event = figures();
    const writing = await db.database.transaction(async (platform) => {
      await platform.query({
        text: `INSERT INTO weekly_kpi VALUES ('anna', $1, '{"I_t": 0.25, "P": 0.1}', now(), now())`,
        values: [MONDAY],
      });
      const attempt = write(event).catch((error: unknown) => error);
      await waitedFor('weekly_kpi');
      return { attempt };
    });
    expect(await writing.attempt).toMatchObject({ code: 'postgres_conflict', retriable: true });
    expect(await write(event)).toEqual(['updated']);
    expect((await rowOf())?.kpis).toBe('{"P": 0.75, "S": 0.5, "I_t": 0.25}');
    expect(await ledger()).toMatchObject([{ previous_p: 0.1, previous_s: null, row_created: false }]);
  });

  it.each([
    ['2026-03-16T00:00:00Z', '2026-03-16'],
    ['2026-03-15T23:59:59.999999Z', '2026-03-09'],
    ['2026-03-22T23:59:59.999999Z', '2026-03-16'],
    ['2026-01-01T00:00:00Z', '2025-12-29'],
  ])('writes an as-of of %s into the week of %s', async (asOf, monday) => {
    await write(figures({ asOf: parseInstant(asOf) ?? 0n }));
    expect((await rowOf())?.week).toBe(monday);
  });

  it('returns the outcome of each learner, and locks in the order of user_id', async () => {
    await existingRow('{"P": 0.75, "S": 0.5}', 'b');
    await existingRow('{"P": 0.1}', 'a');
    const asked = ['c', 'b', 'a', 'Ä', 'B'].map((userId) => figures({ userId }));
    expect(await write(...asked)).toEqual(['created', 'unchanged', 'updated', 'created', 'created']);
    const { rows } = await db.database.query<{ user_id: string }>({
      text: 'SELECT user_id FROM lastseen.kpi_ledger ORDER BY seq',
    });
    expect(rows.map((row) => row.user_id)).toEqual(['B', 'a', 'b', 'c', 'Ä']);
  });
});

describe('a redelivered event', () => {
  it('changes nothing', async () => {
    await existingRow('{"P": 0.1}', 'ben');
    const events = [figures(), figures({ userId: 'ben' }), figures({ userId: 'cleo', p: null })];
    expect(await write(...events)).toEqual(['created', 'updated', 'created']);
    const before = await fingerprint();
    // The figures would differ by now.
    expect(await write(...events.map((event) => ({ ...event, p: 0.99, s: 0.01 })))).toEqual(
      events.map(() => 'redelivered'),
    );
    expect(await fingerprint()).toBe(before);
  });

  it('changes nothing after a newer one', async () => {
    const [older, newer] = [figures(), figures({ asOf: AS_OF + 1n, s: 0.6 })];
    await write(older);
    await write(newer);
    const before = await fingerprint();
    expect(await write({ ...older, s: 0.1 })).toEqual(['redelivered']);
    expect(await fingerprint()).toBe(before);
  });
});

describe('an older event', () => {
  it('never overwrites the figures of a newer as-of, and leaves no trace', async () => {
    await write(figures({ asOf: AS_OF, s: 0.6 }));
    const before = await fingerprint();
    expect(await write(figures({ asOf: AS_OF - 1n, s: 0.1 }))).toEqual(['outdated']);
    expect(await fingerprint()).toBe(before);
  });

  it('writes the row of its own week', async () => {
    await write(figures({ s: 0.6 }));
    expect(await write(figures({ asOf: AS_OF - 7n * MICROS_PER_DAY, s: 0.1 }))).toEqual(['created']);
    expect((await rowOf())?.kpis).toBe('{"P": 0.75, "S": 0.6}');
  });

  it('has an earlier as-of: another event of the same as-of is written', async () => {
    await write(figures({ s: 0.6 }));
    expect(await write(figures({ s: 0.7 }))).toEqual(['updated']);
    expect((await rowOf())?.kpis).toBe('{"P": 0.75, "S": 0.7}');
  });

  it('never replaces a newer one, in any order, split and race', async () => {
    const learners = ['a', 'b', 'c'];
    const event = fc.record({ userId: fc.constantFrom(...learners), minute: fc.nat({ max: 20 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 12 }), fc.boolean(), async (events, race) => {
        await clearPlatform(db.database);
        const each = events.map(({ userId, minute }) =>
          figures({ userId, asOf: AS_OF + BigInt(minute) * 60_000_000n, s: minute / 100 }),
        );
        if (race) await Promise.all(each.map((one) => writeUntilDone(one)));
        else for (const one of each) await write(one);
        for (const userId of learners) {
          const minutes = events.filter((one) => one.userId === userId).map(({ minute }) => minute);
          if (minutes.length === 0) continue;
          expect(JSON.parse((await rowOf(userId))?.kpis ?? '')).toEqual({ P: 0.75, S: Math.max(...minutes) / 100 });
        }
      }),
      { numRuns: 40 },
    );
  });
});
