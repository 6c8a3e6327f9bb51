import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { formatInstant, type Instant, MICROS_PER_DAY, parseInstant } from '../../src/activity/instant.ts';
import { studentIdOf } from '../../src/activity/learner.ts';
import { writeWeeklyFigures } from '../../src/kpi/weekly/figures-store.ts';
import { sweep } from '../../src/sweep/pipeline.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';
import { runCli } from '../support/lastseen-cli.ts';
import { logLine } from '../support/machine-format.ts';
import { insertRows } from '../support/platform-rows.ts';

const AS_OF = parseInstant('2026-03-16T05:00:00Z') ?? 0n;
const ago = (days: number): Instant => AS_OF - BigInt(days) * MICROS_PER_DAY;

let db: FreshDatabase;
beforeAll(async () => {
  db = await freshDatabase();
  await insertRows(db.database, 'ability_estimates', [
    { user_id: 'anna', mean: 0.5, sd: 0.8, fitted_at: '2026-03-01Z' },
  ]);
  await insertRows(db.database, 'session', [
    { id: '1', user_id: 'anna', started_at: formatInstant(ago(9)), ended_at: formatInstant(ago(8)) },
    { id: '2', user_id: 'ben', started_at: formatInstant(ago(8)) },
    { id: '3', user_id: 'emil', started_at: formatInstant(ago(8)) },
  ]);
  await insertRows(db.database, 'exam_results', [
    { id: randomUUID(), session_id: 'e1', user_id: 'anna', created_at: formatInstant(ago(14)) },
    { id: randomUUID(), session_id: 'e2', user_id: 'anna', created_at: formatInstant(ago(12)) },
  ]);
  await seen('anna', ago(8), ago(12));
  await seen('ben', AS_OF + 1n);
  await seen('cleo', ago(2));
  await seen('dora', ago(31));
  await db.database.query({
    text: `INSERT INTO lastseen.user_last_seen (student_id, attempt_at) VALUES ($1, $2)`,
    values: [studentIdOf('nameless'), formatInstant(ago(8))],
  });
});
afterAll(() => db.close());
beforeEach(async () => {
  const tables = ['episode', 'inactivity_outbox', 'sweep_run', 'kpi_ledger', 'kpi_watermark'];
  await db.database.query({ text: `TRUNCATE weekly_kpi, ${tables.map((name) => `lastseen.${name}`).join(', ')}` });
});

async function seen(userId: string, sessionAt: Instant, examAt: Instant | null = null): Promise<void> {
  await db.database.query({
    text: `INSERT INTO lastseen.user_last_seen (student_id, user_id, session_at, exam_results_at) VALUES ($1, $2, $3, $4)`,
    values: [studentIdOf(userId), userId, formatInstant(sessionAt), examAt === null ? null : formatInstant(examAt)],
  });
}

interface ExplanationJson {
  readonly user_id: string | null;
  readonly student_id: string;
  readonly last_seen: Record<'in_table' | 'in_sources', { at: string | null; decided_by: string | null } | null>;
  readonly gates: readonly { readonly gate: string; readonly passed: boolean | null; readonly why: string }[];
  readonly phase: string | null;
  readonly threshold_days: number | null;
}

async function explain(user: string, asOf = AS_OF): Promise<ExplanationJson> {
  const { code, stdout, stderr } = await run([user, '--as-of', formatInstant(asOf), '--json']);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as ExplanationJson;
}

const run = (args: readonly string[]) =>
  runCli({ DATABASE_URL: db.url, INACTIVITY_THRESHOLD_DAYS: '7,14' }, ['explain', ...args]);

/** The first gate that is not passed. */
const stoppedBy = ({ gates }: ExplanationJson) => gates.find(({ passed }) => passed !== true)?.gate;

describe('lastseen explain', () => {
  it('shows what a sweep would emit for a silent learner, and the terms of P and S', async () => {
    const anna = await explain('anna');
    expect(anna).toMatchObject({
      user_id: 'anna',
      student_id: studentIdOf('anna'),
      last_seen: {
        in_table: { at: formatInstant(ago(8)), decided_by: 'session' },
        in_sources: { at: formatInstant(ago(8)), decided_by: 'session' },
      },
      phase: 'CROSSED',
      threshold_days: 7,
      episodes: [],
      events: [],
      p: { rule: 'normal', target: 0, ability: { mean: 0.5, sd: 0.8 }, interval: { insufficient_data: true } },
      // 8 of 14 days, 2 days between two exams, two sessions of ten.
      s: {
        terms: {
          silent_days: 8,
          mean_gap_days: 2,
          silence: expect.closeTo((0.6 * 8) / 14, 12),
          gaps: expect.closeTo((0.25 * 2) / 7, 12),
          sessions: expect.closeTo(0.15 * 0.8, 12),
        },
      },
      answers: [],
      weekly_kpis: null,
    });
    expect(stoppedBy(anna)).toBeUndefined();
    const { p, s } = anna as unknown as { p: { value: number; z: Record<string, number> }; s: { value: number } };
    expect(p.value).toBeCloseTo(0.734014470951, 12);
    expect(p.z).toEqual({ value: 0.625, from_ability: 0.625, from_target: expect.closeTo(0) });
    expect(s.value).toBeCloseTo((0.6 * 8) / 14 + (0.25 * 2) / 7 + 0.15 * 0.8, 12);
  });

  it('accepts a student_id for the same learner', async () => {
    expect(await explain(studentIdOf('anna').toUpperCase())).toEqual(await explain('anna'));
  });

  it('ends with 1 for an unknown learner, and prints the names that are one typing mistake away', async () => {
    const near = await run(['ana', '--as-of', formatInstant(AS_OF)]);
    expect(near).toMatchObject({ code: 1, stdout: 'similar: anna\n' });
    expect(near.stderr).toMatch(
      /^lastseen explain: [^\n]*no activity until 2026-03-16[^\n]*no row in user_last_seen[^\n]*\n$/,
    );
    const asJson = await run(['ann', '--json']);
    expect(asJson.code).toBe(1);
    expect(asJson.json()).toMatchObject({ user_id: 'ann', is_known: false, similar: ['anna'] });
    expect(await explain('anna')).toMatchObject({ is_known: true });
  });

  it.each([
    ['emil', 'known'],
    [studentIdOf('nameless'), 'named'],
    ['ben', 'decidable'],
    ['dora', 'within_lookback'],
    ['cleo', 'past_threshold'],
  ])('reports for %s that the gate "%s" is not passed', async (user, gate) => {
    const learner = await explain(user);
    expect(stoppedBy(learner)).toBe(gate);
    expect(learner.phase).toBeNull();
  });

  it('reads from the source tables when a learner was last seen before the as-of', async () => {
    const ben = await explain('ben');
    expect(ben.last_seen.in_sources).toMatchObject({ at: formatInstant(ago(8)), decided_by: 'session' });
  });

  it('agrees with a sweep, and shows its episode, its event and its answer, also as text', async () => {
    const plan = { asOf: AS_OF, thresholds: [7, 14], lookbackDays: 30, refresh: 'daily' as const };
    await sweep(
      {
        database: db.database,
        newRunId: randomUUID,
        now: () => AS_OF,
        proveFresh: undefined,
        maxCrossedShare: 0.2,
        relay: async () => 0,
      },
      plan,
    );
    const anna = (await explain('anna')) as unknown as { events: { event_id: string }[] };
    expect(anna).toMatchObject({
      phase: null,
      episodes: [{ threshold_days: 7, noted_on: '2026-03-16', returned_as_of: null }],
      events: [{ phase: 'CROSSED', threshold_days: 7, published_at: null }],
    });
    expect(stoppedBy(await explain('anna'))).toBe('due');
    expect(await explain('anna', AS_OF + MICROS_PER_DAY)).toMatchObject({ phase: 'ONGOING', threshold_days: 7 });
    expect(await explain('anna', AS_OF + 6n * MICROS_PER_DAY)).toMatchObject({ phase: 'CROSSED', threshold_days: 14 });

    await db.database.query({
      text: `INSERT INTO weekly_kpi (user_id, week_start, kpis) VALUES ('anna', '2026-03-16', '{"P": 0.25, "other": 1}')`,
    });
    const cause = { eventId: anna.events[0]?.event_id ?? '', computed: 'P_AND_S' as const, pInterval: null };
    await writeWeeklyFigures(db.database, [
      { userId: 'anna', weekStart: '2026-03-16', asOf: AS_OF, figures: { P: 0.75, S: 0.5 }, cause },
    ]);
    expect(await explain('anna')).toMatchObject({
      answers: [{ cause_event_id: cause.eventId, previous_p: 0.25, p: 0.75, previous_s: null, s: 0.5 }],
      weekly_kpis: { P: 0.75, S: 0.5, other: 1 },
    });

    const { code, stdout } = await run(['anna', '--as-of', formatInstant(AS_OF)]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^learner +anna\n/);
    expect(stdout).toMatch(/^session \(decides\) +2026-03-08T05:00:00\.000000Z/m);
    expect(stdout).toMatch(/^due +failed +noted on 2026-03-16$/m);
    expect(stdout).toMatch(/^P +0\.734014 +by the rule normal$/m);
    expect(stdout).toMatch(/^silence +0\.342857 +0\.6 · 8 days of 14$/m);
    expect(stdout).toMatch(/0\.250000 → 0\.750000/);
    const later = await run(['anna', '--as-of', '2026-03-25']);
    expect(later.stderr).toMatch(logLine('day_read', '2026-03-25 00:00 UTC'));
    expect(later.stdout).toMatch(/^silence +0\.600000 .*17 days of 14, capped at 1$/m);

    const csv = await run(['anna', '--as-of', formatInstant(AS_OF), '--csv']);
    expect(csv.code).toBe(0);
    const [header = '', ...lines] = csv.stdout.trimEnd().split('\r\n');
    const cells = (line: string, ...names: string[]) =>
      names.map((name) => line.split(',')[header.split(',').indexOf(name)]);
    expect(lines.map((line) => cells(line, 'at', 'what', 'source', 'threshold_days', 'previous_p', 'p'))).toEqual([
      [formatInstant(ago(12)), 'SEEN', 'exam_results', '', '', ''],
      [formatInstant(ago(8)), 'SEEN', 'session', '', '', ''],
      [formatInstant(AS_OF), 'CROSSED', '', '7', '', ''],
      [formatInstant(AS_OF), 'ANSWERED', '', '', '0.25', '0.75'],
    ]);
    expect(new Set(lines.slice(2).map((line) => cells(line, 'event_id')[0]))).toEqual(new Set([cause.eventId]));
    expect(cells(lines[2] ?? '', 'user_id', 'last_seen_at')).toEqual(['anna', formatInstant(ago(8))]);
  });

  it('exits with 2 without a learner, or if the as-of is not an instant', async () => {
    expect((await run([])).code).toBe(2);
    expect((await run(['anna', '--as-of', 'today'])).code).toBe(2);
  });
});
