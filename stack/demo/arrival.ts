import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatInstant, type Instant, MICROS_PER_DAY } from '../../src/activity/instant.ts';
import type { Queryable } from '../../src/postgres/database.ts';
import { single } from '../../src/runtime/must.ts';
import { StackError } from '../errors.ts';
import type { DemoDatabases } from './databases.ts';

/** A change of one learner on its way through `track` and `recompute`. */
export interface Arrival {
  /** Milliseconds since the commit. */
  readonly ms: number;
  readonly line: string;
}

const POLL_MS = 10;
const WITHIN_MS = 60_000;

/**
 * Inserts a session of an inactive learner that ends now, and yields each result as it becomes visible: commit, last seen,
 * `RETURNED`, P and S.
 *
 * @throws StackError if the learner is not flagged as inactive, or if a result does not arrive within a minute.
 */
export async function* watchReturn({ source, own }: DemoDatabases, userId: string): AsyncGenerator<Arrival, void> {
  const learner = await readFlagged(own, userId);
  const before = await readAnswers(own, userId, 0n);
  const newest = before.reduce((max, { seq }) => (seq > max ? seq : max), 0n);
  const endedAt = await insertSession(source, userId);
  const committed = performance.now();
  const arrived = (line: string): Arrival => ({ ms: performance.now() - committed, line });
  yield { ms: 0, line: `committed: a session of ${userId} that ended at ${formatInstant(endedAt)}` };

  const silentDays = Number((endedAt - learner.lastSeenAt) / MICROS_PER_DAY);
  await until('the activity in lastseen.user_last_seen', () => isSeen(own, learner.studentId, endedAt));
  yield arrived(
    `last seen: ${formatInstant(learner.lastSeenAt)} → ${formatInstant(endedAt)}, after ${silentDays} days`,
  );

  const asOf = await until('the RETURNED event', () => readReturned(own, learner.studentId, endedAt));
  yield arrived(`RETURNED is published, as of ${formatInstant(asOf)}`);

  const answer = await until('S in weekly_kpi', async () => (await readAnswers(own, userId, newest))[0]);
  const last = before[0];
  yield arrived(
    `S ${figure(last?.s)} → ${figure(answer.s)}, P ${figure(last?.p)} → ${figure(answer.p)}, week of ${answer.weekStart}`,
  );
}

const figure = (value: number | null | undefined) => (value === null || value === undefined ? '–' : value.toFixed(3));

async function until<T>(what: string, read: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + WITHIN_MS;
  for (;;) {
    const found = await read();
    if (found !== undefined) return found;
    if (performance.now() > deadline) {
      throw new StackError(
        `${what} did not arrive within ${WITHIN_MS / 1000} s: are \`track\` and \`recompute\` running?`,
      );
    }
    await sleep(POLL_MS);
  }
}

interface Flagged {
  readonly studentId: string;
  readonly lastSeenAt: Instant;
}

async function readFlagged(own: Queryable, userId: string): Promise<Flagged> {
  const { rows } = await own.query<Flagged & { userId: string }>({
    text: `SELECT user_id AS "userId", student_id AS "studentId", last_seen_at AS "lastSeenAt"
      FROM lastseen.user_last_seen seen
      WHERE user_id <> '' AND EXISTS (
        SELECT FROM lastseen.episode e WHERE e.student_id = seen.student_id AND e.returned_as_of IS NULL
      )
      ORDER BY user_id = $1 DESC, user_id LIMIT 4`,
    values: [userId],
  });
  const learner = rows.find((each) => each.userId === userId);
  if (learner !== undefined) return learner;
  const others = rows.map((each) => each.userId).join(', ');
  throw new StackError(`${userId} is not flagged as inactive${others === '' ? '' : `; these are: ${others}`}`);
}

async function insertSession(source: Queryable, userId: string): Promise<Instant> {
  const { rows } = await source.query<{ endedAt: Instant }>({
    text: `INSERT INTO session (id, user_id, started_at, ended_at, status, created_at)
      VALUES ($1, $2, now() - interval '20 minutes', now(), 'completed', now()) RETURNING ended_at AS "endedAt"`,
    values: [randomUUID(), userId],
  });
  return single(rows, 'one row was inserted').endedAt;
}

async function isSeen(own: Queryable, studentId: string, at: Instant): Promise<true | undefined> {
  const { rows } = await own.query({
    text: 'SELECT FROM lastseen.user_last_seen WHERE student_id = $1 AND last_seen_at >= $2',
    values: [studentId, formatInstant(at)],
  });
  return rows.length > 0 ? true : undefined;
}

async function readReturned(own: Queryable, studentId: string, since: Instant): Promise<Instant | undefined> {
  const { rows } = await own.query<{ asOf: Instant }>({
    text: `SELECT as_of AS "asOf" FROM lastseen.inactivity_outbox
      WHERE student_id = $1 AND phase = 'RETURNED' AND as_of >= $2 AND published_at IS NOT NULL`,
    values: [studentId, formatInstant(since)],
  });
  return rows[0]?.asOf;
}

interface Answer {
  readonly seq: bigint;
  readonly weekStart: string;
  readonly p: number | null;
  readonly s: number | null;
}

/** Answered events of a learner after `seq`, newest first. */
async function readAnswers(own: Queryable, userId: string, seq: bigint): Promise<readonly Answer[]> {
  const { rows } = await own.query<Answer>({
    text: `SELECT seq, week_start::text AS "weekStart", p, s FROM lastseen.kpi_ledger
      WHERE user_id = $1 AND seq > $2 ORDER BY seq DESC`,
    values: [userId, seq],
  });
  return rows;
}
