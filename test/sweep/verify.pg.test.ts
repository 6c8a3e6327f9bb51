import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { StudentId } from '../../src/activity/activity.ts';
import { formatInstant, type Instant, MICROS_PER_DAY, parseInstant } from '../../src/activity/instant.ts';
import { studentIdOf } from '../../src/activity/learner.ts';
import { SOURCES, type Source } from '../../src/activity/source.ts';
import { listRuns, readSweepState } from '../../src/history/sweep-runs-store.ts';
import { createFold } from '../../src/last-seen/fold.ts';
import { raiseLastSeen } from '../../src/last-seen/raise-store.ts';
import { type Database, openDatabase } from '../../src/postgres/database.ts';
import { LastseenError } from '../../src/runtime/errors.ts';
import { must } from '../../src/runtime/must.ts';
import type { SweepPlan } from '../../src/silence/plan.ts';
import { approve, type SweepDeps, sweep } from '../../src/sweep/pipeline.ts';
import { readLearnerColumns } from '../../src/sweep/verify-pipeline.ts';
import { asRole } from '../../stack/roles.ts';
import { type FreshDatabase, freshDatabase } from '../support/fresh-database.ts';

let db: FreshDatabase;
/** With only the rights of the sweep's role. */
let database: Database;
let sourceDatabase: Database;
beforeAll(async () => {
  db = await freshDatabase();
  database = openDatabase({ url: asRole(db.url, 'sweep'), applicationName: 'sweep' });
  sourceDatabase = openDatabase({ url: asRole(db.url, 'sweep'), applicationName: 'sweep-source' });
});
afterAll(async () => {
  await Promise.all([database.close(), sourceDatabase.close()]);
  await db.close();
});
beforeEach(() =>
  sql(`
TRUNCATE exam_results, features_topic_daily, attempt, session, lastseen.user_last_seen, lastseen.episode,
  lastseen.inactivity_outbox, lastseen.sweep_run, lastseen.dead_letter`),
);

const sql = async (text: string, values: unknown[] = []) =>
  (await db.database.query<Record<string, unknown>>({ text, values })).rows;
const AS_OF = must(parseInstant('2026-03-16T05:00:00Z'), 'an instant');
const daysAgo = (days: number): Instant => AS_OF - BigInt(Math.round(days * 1000)) * (MICROS_PER_DAY / 1000n);
const plan: SweepPlan = { asOf: AS_OF, thresholds: [7], lookbackDays: 30, refresh: 'daily' };
const UUID = '0b6f9c1e-0000-4000-8000-00000000000a';
const MIXED_CASE = '0B6f9c1e-0000-4000-8000-00000000000A';

/** A change of a source table, in the order of its offsets. */
interface Change {
  readonly user: string;
  readonly source: Source;
  readonly at: Instant;
  readonly isUpdate?: true;
}

let rows = 0;
/** Writes the changes to the source tables. */
async function commit(changes: readonly Change[]): Promise<void> {
  for (const { user, source, at, isUpdate } of changes) {
    const values = [user, formatInstant(at)];
    const id = ++rows;
    switch (source) {
      case 'exam_results':
        if (isUpdate) await sql('UPDATE exam_results SET updated_at = $2 WHERE user_id = $1', values);
        else
          await sql(
            `INSERT INTO exam_results (id, session_id, user_id, created_at) VALUES (gen_random_uuid(), 'e${id}', $1, $2)`,
            values,
          );
        break;
      case 'features_topic_daily':
        await sql(
          `INSERT INTO features_topic_daily (user_id, topic_id, date, last_seen_at) VALUES ($1, 't${id}', '2026-03-01', $2)`,
          values,
        );
        break;
      case 'attempt':
        await sql(`INSERT INTO attempt (id, student_id, completed_at) VALUES (${id}, $1, $2)`, [
          studentIdOf(user),
          formatInstant(at),
        ]);
        break;
      case 'session':
        await sql(`INSERT INTO session (id, user_id, started_at) VALUES ('s${id}', $1, $2)`, values);
    }
  }
}

interface Applied extends Change {
  /** The key under which it is written; default: the learner's own. */
  readonly key?: StudentId;
}

/** Writes the activities as `track` does. */
async function apply(changes: readonly Applied[]): Promise<void> {
  const fold = createFold();
  for (const { user, source, at, key } of changes) {
    const userId = source === 'attempt' ? null : user;
    fold.add({ studentId: key ?? studentIdOf(user), userId, source, at });
  }
  await db.database.transaction((tx) => raiseLastSeen(tx, fold.columns()));
}

const deps = async (
  changes: Partial<SweepDeps> & { proveApplied?: () => Promise<unknown> } = {},
): Promise<SweepDeps> => ({
  database,
  newRunId: randomUUID,
  now: () => AS_OF,
  proveFresh: async () => new Map([['session', 12n]]),
  verify: {
    sourceDatabase,
    sources: await readLearnerColumns(sourceDatabase, SOURCES, 'SOURCE_DATABASE_URL'),
    maxClockSkewUs: 600_000_000n,
    waitForReplica: async () => {},
    proveApplied: changes.proveApplied ?? (async () => {}),
    batchLearners: 3,
  },
  maxCrossedShare: 1,
  relay: async () => 0,
  ...changes,
});
const run = async (changes: Parameters<typeof deps>[0] = {}) => sweep(await deps(changes), plan);
const failure = (running: Promise<unknown>) =>
  running.then(
    () => undefined,
    (error: unknown) => error as LastseenError,
  );
const crossed = async () =>
  (await sql(`SELECT user_id FROM lastseen.inactivity_outbox WHERE phase = 'CROSSED' ORDER BY user_id`)).map(
    ({ user_id }) => user_id,
  );

/** Learners with `CROSSED` who have a later activity in a source table. */
const wronglyCrossed = async () =>
  (
    await sql(`
SELECT DISTINCT o.user_id FROM lastseen.inactivity_outbox o
JOIN (
  SELECT user_id, coalesce(updated_at, created_at) AS at FROM exam_results
  UNION ALL SELECT user_id, last_seen_at FROM features_topic_daily
  UNION ALL SELECT user_id, coalesce(ended_at, started_at) FROM session
  UNION ALL SELECT seen.user_id, completed_at FROM attempt JOIN lastseen.user_last_seen seen USING (student_id)
) activity ON lower(activity.user_id) = lower(o.user_id) AND activity.at > o.last_seen_at
WHERE o.phase = 'CROSSED'`)
  ).map(({ user_id }) => user_id);

/** Learners who were active in each way recently, and some who were not. */
const CHANGES: readonly Change[] = [
  ...['anna', 'ben', 'cleo', 'dora', 'emil', UUID, 'silent 1', 'silent 2'].map(
    (user): Change => ({ user, source: 'session', at: daysAgo(12) }),
  ),
  { user: 'anna', source: 'session', at: daysAgo(1) },
  { user: 'silent 1', source: 'exam_results', at: daysAgo(11) },
  { user: 'ben', source: 'features_topic_daily', at: daysAgo(2) },
  { user: 'cleo', source: 'attempt', at: daysAgo(3) },
  { user: 'dora', source: 'exam_results', at: daysAgo(10) },
  { user: 'dora', source: 'exam_results', at: daysAgo(1), isUpdate: true },
  { user: 'emil', source: 'session', at: daysAgo(6.8) },
  { user: UUID.toUpperCase(), source: 'session', at: daysAgo(1) },
];
const isRecent = ({ at }: Change) => at > daysAgo(7);

/** Ways in which `track` could be wrong. */
const SABOTAGES: Readonly<Record<string, () => Promise<unknown>>> = {
  'records the progress, but writes no rows': () => apply(CHANGES.filter((change) => !isRecent(change))),
  'drops the records of one source': () => apply(CHANGES.filter(({ source }) => source !== 'features_topic_daily')),
  'skips offsets': () => apply(CHANGES.filter((_, offset) => offset % 2 === 0)),
  'reads instants in another time zone': () =>
    apply(CHANGES.map((change) => ({ ...change, at: change.at - 32_400_000_000n }))),
  'writes rows under a wrong key': () =>
    apply(CHANGES.map((change) => (isRecent(change) ? { ...change, key: studentIdOf(`${change.user}!`) } : change))),
  'loses half of a flush': () => apply(CHANGES.filter((change) => !isRecent(change) || studentIdOf(change.user) < '8')),
  'lowers a row': async () => {
    await apply(CHANGES);
    await sql(`UPDATE lastseen.user_last_seen SET session_at = $1 WHERE user_id = 'anna'`, [
      formatInstant(daysAgo(12)),
    ]);
  },
  'loses the user_id': async () => {
    await apply(CHANGES.filter((change) => !isRecent(change)));
    await sql(`UPDATE lastseen.user_last_seen SET user_id = NULL
WHERE user_id NOT LIKE 'silent%'`);
  },
  'writes the row of one learner to another': async () => {
    await apply(CHANGES);
    await sql(`
UPDATE lastseen.user_last_seen seen SET session_at = other.session_at, exam_results_at = other.exam_results_at
FROM lastseen.user_last_seen other
WHERE (seen.user_id, other.user_id) IN (('anna', 'silent 2'), ('silent 2', 'anna'))`);
  },
  'drops updates': () => apply(CHANGES.filter(({ isUpdate }) => isUpdate === undefined)),
};

describe('if `track` is wrong', () => {
  beforeEach(() => commit(CHANGES));

  it('crosses the silent learners if it is not', async () => {
    await apply(CHANGES);
    expect(await run()).toMatchObject({ status: 'completed', crossed: 2n, verified: 2n, returnedCandidates: 0n });
    expect(await crossed()).toEqual(['silent 1', 'silent 2']);
    expect(await sql('SELECT FROM lastseen.sweep_candidate')).toEqual([]);
  });

  it.each(Object.entries(SABOTAGES))(
    'because it %s, no learner with a later activity crosses',
    async (name, sabotage) => {
      await sabotage();
      const error = await failure(run());
      // A learner without a user_id is not a candidate.
      expect(error?.code).toBe(name === 'loses the user_id' ? undefined : 'contradicted');
      expect(await wronglyCrossed()).toEqual([]);
    },
  );

  it('at least eight of ten errors do make such a learner cross with SWEEP_VERIFY=off', async () => {
    const harmful: string[] = [];
    for (const [name, sabotage] of Object.entries(SABOTAGES)) {
      await sql('TRUNCATE lastseen.user_last_seen, lastseen.episode, lastseen.inactivity_outbox, lastseen.sweep_run');
      await sabotage();
      await run({ verify: undefined });
      if ((await wronglyCrossed()).length > 0) harmful.push(name);
    }
    expect(Object.keys(SABOTAGES)).toHaveLength(10);
    expect(harmful.length).toBeGreaterThanOrEqual(8);
  });

  it('the run emits nothing, has failed, and names the learners only in its error', async () => {
    await must(SABOTAGES['records the progress, but writes no rows'], 'it is listed')();
    const error = must(await failure(run()), 'the run fails');
    expect(error).toMatchObject({ code: 'contradicted' });
    const [first, ...lines] = error.message.split('\n');
    expect(first).toMatch(/^contradicted: 6 learners .*run `lastseen audit --repair`$/);
    expect(lines).toHaveLength(6);
    expect(lines).toContain('anna: last seen 2026-03-04T05:00:00.000000Z, but session has 2026-03-15T05:00:00.000000Z');
    expect(await sql('SELECT FROM lastseen.episode UNION ALL SELECT FROM lastseen.inactivity_outbox')).toEqual([]);
    const [stored] = await listRuns(db.database, 1);
    expect(stored).toMatchObject({ status: 'failed', failure: first, verified: 8n, contradicted: 6n });
    expect(await readSweepState(db.database)).toMatchObject({ contradicted: 6n });
  });

  it('a run after the repair clears it', async () => {
    await must(SABOTAGES['drops updates'], 'it is listed')();
    expect(await failure(run())).toMatchObject({ code: 'contradicted' });
    await apply(CHANGES);
    expect(await run()).toMatchObject({ status: 'completed', crossed: 2n });
    expect(await readSweepState(db.database)).toMatchObject({ contradicted: 0n });
  });

  it('an approval emits nothing either, and the run stays held', async () => {
    await apply(CHANGES.filter((change) => !isRecent(change)));
    await sql(`
INSERT INTO lastseen.sweep_run (run_id, as_of, thresholds, lookback_days, refresh, status, started_at)
VALUES ('${UUID}', '${formatInstant(AS_OF)}', '{7}', 30, 'daily', 'held', '${formatInstant(AS_OF)}')`);
    expect(await failure(approve(await deps(), UUID))).toMatchObject({ code: 'contradicted' });
    expect(await crossed()).toEqual([]);
    expect((await listRuns(db.database, 1))[0]).toMatchObject({ status: 'held', contradicted: 6n });
    await apply(CHANGES);
    expect(await approve(await deps(), UUID)).toMatchObject({ crossed: 2n, verified: 2n });
    expect((await listRuns(db.database, 1))[0]).toMatchObject({ status: 'completed', contradicted: 0n, failure: null });
  });
});

describe('candidates', () => {
  const late: Change = { user: 'anna', source: 'session', at: daysAgo(0.01) };
  beforeEach(async () => {
    const old = ['anna', 'ben'].map((user): Change => ({ user, source: 'session', at: daysAgo(10) }));
    await commit(old);
    await apply(old);
  });

  it('who returned between the proof and the look-up are left out', async () => {
    await commit([late]);
    expect(await run({ proveApplied: () => apply([late]) })).toMatchObject({
      status: 'completed',
      crossed: 1n,
      verified: 2n,
      returnedCandidates: 1n,
    });
    expect(await crossed()).toEqual(['ben']);
  });

  it('are not lost if the later activity cannot be proven applied: the run ends as not fresh', async () => {
    await commit([late]);
    const proveApplied = () => Promise.reject(new LastseenError('not_fresh', 'not fresh: the slot is behind'));
    expect(await failure(run({ proveApplied }))).toMatchObject({ code: 'not_fresh' });
    expect(await failure(run({ proveFresh: undefined, proveApplied }))).toMatchObject({ code: 'not_fresh' });
    expect(await crossed()).toEqual([]);
  });

  it('need no second proof if the sources have nothing later', async () => {
    let proofs = 0;
    const proveApplied = async () => ++proofs;
    expect(await run({ proveApplied })).toMatchObject({ crossed: 2n });
    expect(proofs).toBe(0);
  });

  it('who moved after the look-up do not cross', async () => {
    const { verify, ...rest } = await deps();
    const waitForReplica = () => apply([{ ...late, at: daysAgo(8) }]).then(() => commit([{ ...late, at: daysAgo(8) }]));
    const outcome = await sweep({ ...rest, verify: { ...must(verify, 'it is on'), waitForReplica } }, plan);
    expect(outcome).toMatchObject({ crossed: 1n, returnedCandidates: 1n });
    expect(await crossed()).toEqual(['ben']);
  });

  it('who became inactive after they were collected do not cross', async () => {
    const cleo: Change = { user: 'cleo', source: 'session', at: daysAgo(9) };
    const { verify, ...rest } = await deps();
    const waitForReplica = () => apply([cleo]);
    await sweep({ ...rest, verify: { ...must(verify, 'it is on'), waitForReplica } }, plan);
    expect(await crossed()).toEqual(['anna', 'ben']);
    await run();
    expect(await crossed()).toEqual(['anna', 'ben', 'cleo']);
  });

  it('are not contradicted by instants that are no activity', async () => {
    await sql(`
INSERT INTO session (id, user_id, started_at) VALUES
  ('a', 'anna', 'infinity'), ('b', 'anna', now() + interval '1 hour'), ('c', 'ben', NULL), ('d', '', '2026-03-15Z')`);
    expect(await run()).toMatchObject({ crossed: 2n });
  });

  it('are not contradicted by the record of an open dead letter', async () => {
    await commit([late]);
    const proveApplied = () =>
      sql(`
INSERT INTO lastseen.dead_letter (topic, partition, record_offset, record_timestamp, reason, step, detail, student_id)
VALUES ('t', 0, 1, 0, 'missing_column', 'activity', '', '${studentIdOf('anna')}')`);
    expect(await run({ proveApplied })).toMatchObject({ crossed: 1n });
    expect(await crossed()).toEqual(['ben']);
  });

  it('are not looked up if they were noted before: they get ONGOING', async () => {
    await run();
    await commit([late]);
    const next = { ...plan, asOf: AS_OF + MICROS_PER_DAY };
    expect(await sweep(await deps(), next)).toMatchObject({ crossed: 0n, ongoing: 2n, verified: 0n });
  });
});

const INDEXES = [
  'CREATE INDEX session_user_id ON session (user_id)',
  'CREATE INDEX attempt_student_id ON attempt (student_id)',
];

describe.each([
  ['with an index', INDEXES],
  ['without an index', []],
])('%s, the spelling of a learner', (_, indexes) => {
  const withColumn = async (table: string, change: string, work: () => Promise<unknown>) => {
    await sql(`ALTER TABLE ${table} ${change}`);
    for (const index of ['DROP INDEX session_user_id', 'DROP INDEX attempt_student_id', ...indexes]) await sql(index);
    try {
      await work();
    } finally {
      await sql('TRUNCATE session, attempt');
      await sql('ALTER TABLE session ALTER user_id TYPE text');
      await sql('ALTER TABLE attempt ALTER student_id TYPE uuid USING NULL');
      await sql('DROP INDEX IF EXISTS session_user_id, attempt_student_id');
      for (const index of INDEXES) await sql(index);
    }
  };
  const outcomeOf = async (name: string, written: string, key?: StudentId) => {
    await apply([{ user: name, source: 'session', at: daysAgo(10), ...(key === undefined ? {} : { key }) }]);
    await commit([{ user: written, source: 'session', at: daysAgo(1) }]);
    return (await failure(run()))?.code;
  };

  it.each([
    ['char(40)', 'student 7', 'student 7'],
    ['text', UUID, UUID.toUpperCase()],
    ['text', UUID.toUpperCase(), UUID],
    ['text', 'student 7', studentIdOf('student 7')],
    ['varchar(40)', 'student 7', studentIdOf('student 7').toUpperCase()],
    ['char(40)', 'student 7', studentIdOf('student 7').toUpperCase()],
    ['text', MIXED_CASE, MIXED_CASE],
    ['uuid', UUID, UUID.toUpperCase()],
  ])('is found in a column of type %s: %s, written as %s', async (type, name, written) => {
    await withColumn('session', `ALTER user_id TYPE ${type} USING NULL`, async () => {
      expect(await outcomeOf(name, written)).toBe('contradicted');
    });
  });

  it.each(['text', 'uuid'])('is found by the key of the name, in a column of type %s', async (type) => {
    await withColumn('session', `ALTER user_id TYPE ${type} USING NULL`, async () => {
      expect(await outcomeOf('anna', studentIdOf('anna').toUpperCase(), studentIdOf('someone else'))).toBe(
        'contradicted',
      );
    });
  });

  it.each(['text', 'char(40)', 'uuid'])('is found in a student_id of type %s', async (type) => {
    await withColumn('attempt', `ALTER student_id TYPE ${type} USING NULL`, async () => {
      await apply([{ user: 'anna', source: 'session', at: daysAgo(10) }]);
      await sql('INSERT INTO attempt (id, student_id, completed_at) VALUES (1, $1, $2)', [
        studentIdOf('anna').toUpperCase(),
        formatInstant(daysAgo(1)),
      ]);
      expect(await failure(run())).toMatchObject({ code: 'contradicted' });
    });
  });

  it('is not found in mixed case, if the stored name is another one', async () => {
    await withColumn('session', 'ALTER user_id TYPE text', async () => {
      expect(await outcomeOf(MIXED_CASE.toLowerCase(), MIXED_CASE)).toBeUndefined();
    });
  });
});

it('names the latest of the activities that several sources have', async () => {
  await apply([{ user: 'anna', source: 'session', at: daysAgo(10) }]);
  for (const [source, latest] of SOURCES.entries()) {
    await sql('TRUNCATE exam_results, features_topic_daily, attempt, session');
    await commit(SOURCES.map((each, index) => ({ user: 'anna', source: each, at: daysAgo(index === source ? 1 : 2) })));
    const message = (await failure(run()))?.message;
    expect(message).toContain(`but ${latest} has 2026-03-15T05:00:00.000000Z`);
  }
});

it('looks up ids that need quotes in an array', async () => {
  const names = ['a,b', 'a"b', 'a\\b', '{a}', 'NULL', 'a b', "o'brien", 'jürgen 🙂'];
  const old = names.map((user): Change => ({ user, source: 'session', at: daysAgo(10) }));
  await apply(old);
  await commit(old.map((change) => ({ ...change, at: daysAgo(1) })));
  expect((await failure(run()))?.message).toMatch(/^contradicted: 8 learners /);
});

it('a role without rights on the columns is refused with the name of the file to apply', async () => {
  await sql('REVOKE SELECT (user_id, ended_at) ON session FROM lastseen_sweep');
  try {
    const error = await failure(readLearnerColumns(sourceDatabase, SOURCES, 'SOURCE_DATABASE_URL'));
    expect(error).toMatchObject({ code: 'config_invalid' });
    expect(error?.message).toMatch(/may not read user_id, ended_at of session: apply k8s\/postgres\/roles.sql/);
  } finally {
    await sql('GRANT SELECT (user_id, ended_at) ON session TO lastseen_sweep');
  }
});
