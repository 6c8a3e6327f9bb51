import { type InactivityEventRead, inactivityEvents } from '../events.ts';
import type { Fault, Outcome } from '../fault.ts';
import { sweepUntilDone } from '../sweeping.ts';
import { until } from '../waiting.ts';
import { LEARNERS, load, type ReturningStage, seenAgain, sql } from './returning-world.ts';

const DEADLINE_MS = 60_000;

/** Waits until as many learners of the name have returned, and compares the events with what must be emitted. */
async function awaitReturns(
  state: ReturningStage,
  name: string,
  wanted: number,
  isWrong: (event: InactivityEventRead) => boolean,
): Promise<Outcome> {
  const before = performance.now();
  const returnsOfName = async () =>
    (await inactivityEvents(state.world)).events.filter(
      ({ phase, user_id }) => phase === 'RETURNED' && user_id.startsWith(`${name}-`),
    );
  const { seen: returned } = await until(returnsOfName, ({ length }) => length >= wanted, DEADLINE_MS);
  const recoveryMs = Math.round(performance.now() - before);
  const { events, duplicates } = await inactivityEvents(state.world);
  const users = new Set(returned.map(({ user_id }) => user_id));
  return {
    records: 2 * LEARNERS,
    lost: wanted - users.size,
    wrong: events.filter(isWrong).length + returned.length - users.size,
    duplicates,
    recoveryMs,
  };
}

function isBeforeItsLastSeen({ as_of, last_seen_by_source }: InactivityEventRead): boolean {
  return Object.values(last_seen_by_source).some((at) => at !== null && at > as_of);
}

/** Learners 1 to 10 have attempts only, once their sessions are erased. */
const NAMELESS = 10;

const attempts = (state: ReturningStage, name: string, at: string) =>
  sql(
    state,
    `INSERT INTO attempt (id, student_id, completed_at)
     SELECT coalesce((SELECT max(id) FROM attempt), 0) + u, md5('${name}-' || u)::uuid, ${at}
     FROM generate_series(1, ${NAMELESS}) u`,
  );

/** Open episodes of the learners without a name. */
const openNameless = (state: ReturningStage, name: string) =>
  sql(
    state,
    `SELECT FROM lastseen.episode JOIN generate_series(1, ${NAMELESS}) u ON student_id = md5('${name}-' || u)::uuid
     WHERE returned_as_of IS NULL`,
  );

export const RETURN_FAULTS: readonly Fault<ReturningStage>[] = [
  {
    name: 'return-ahead-of-commit',
    about: 'returns whose activity lies after its commit time: no event is dated before the activity that it reports',
    async inject(state, n) {
      const name = `ahead-${n}`;
      await load(state, name, `now() - interval '8 days'`);
      await sweepUntilDone(state.world);
      // Debezium cuts the commit time to milliseconds, so these may lie a little after it.
      for (let u = 1; u <= LEARNERS / 2; u++) await seenAgain(state, name, u, u, 'now()');
      await seenAgain(state, name, LEARNERS / 2 + 1, LEARNERS, `now() + interval '9 minutes'`);
      return awaitReturns(state, name, LEARNERS, isBeforeItsLastSeen);
    },
  },
  {
    name: 'nameless-return',
    about:
      'a learner without a name returns while an episode is open: it closes without an event, and all others return',
    async inject(state, n) {
      const name = `nameless-${n}`;
      await load(state, name, `now() - interval '8 days'`);
      await attempts(state, name, `now() - interval '9 days'`);
      await sweepUntilDone(state.world);
      await sql(
        state,
        `DELETE FROM session WHERE user_id IN (SELECT '${name}-' || u FROM generate_series(1, ${NAMELESS}) u)`,
      );
      const audit = await state.world.lastseen('audit', '--repair', '--trust-source');
      if (audit.code !== 0) throw new Error(`the audit ended with ${audit.code}:\n${audit.stderr}`);
      const exits = state.track.ends.length;
      await attempts(state, name, 'now()');
      await seenAgain(state, name, NAMELESS + 1, LEARNERS, `now() - interval '1 second'`);
      const outcome = await awaitReturns(state, name, LEARNERS - NAMELESS, isBeforeItsLastSeen);
      const { seen } = await until(
        () => openNameless(state, name),
        ({ count }) => count === 0,
        DEADLINE_MS,
      );
      const swept = await state.world.lastseen('sweep', '--json');
      const ended = state.track.ends.length - exits + (swept.code === 0 ? 0 : 1);
      return { ...outcome, lost: outcome.lost + seen.count, wrong: outcome.wrong + ended };
    },
  },
];
