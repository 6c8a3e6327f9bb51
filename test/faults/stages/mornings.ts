import { formatInstant } from '../../../src/activity/instant.ts';
import { inactivityEvents } from '../events.ts';
import type { Fault } from '../fault.ts';
import { sleep } from '../waiting.ts';
import { LEARNERS, load, type ReturningStage, seenAgain, sql } from './returning-world.ts';

const SWEEPS = 10;
const LONGEST_PAUSE_MS = 120;

/** The learners of the name with a session after their last seen in the event, at or before its as-of. */
async function wronglyFlagged(state: ReturningStage, name: string): Promise<number> {
  const { events } = await inactivityEvents(state.world);
  const crossed = events.filter(({ phase, user_id }) => phase === 'CROSSED' && user_id.startsWith(`${name}-`));
  const flagged = crossed
    .map((event) => `('${event.user_id}', '${formatInstant(event.last_seen_at)}', '${formatInstant(event.as_of)}')`)
    .join(', ');
  if (flagged === '') return 0;
  const { count } = await sql(
    state,
    `SELECT FROM (VALUES ${flagged}) AS flagged (user_id, last_seen_at, as_of)
     JOIN session USING (user_id)
     WHERE started_at > flagged.last_seen_at::timestamptz AND started_at <= flagged.as_of::timestamptz`,
  );
  return count;
}

/** Learners of the name who are silent, without an event. */
async function notFlagged(state: ReturningStage, name: string): Promise<number> {
  const { count } = await sql(
    state,
    `SELECT FROM lastseen.user_last_seen seen
     WHERE user_id LIKE '${name}-%' AND last_seen_at < now() - interval '7 days'
       AND NOT EXISTS (SELECT FROM lastseen.inactivity_outbox event WHERE event.student_id = seen.student_id)`,
  );
  return count;
}

interface Morning {
  readonly refused: number;
  readonly returnedCandidates: number;
  readonly lost: number;
  readonly wrong: number;
}

/** One sweep while learners return one after another. */
async function sweepWhileLearnersReturn(state: ReturningStage, name: string): Promise<Morning> {
  await load(state, name, `now() - interval '8 days'`);
  const ended = new AbortController();
  const returning = (async () => {
    for (let u = 1; u <= LEARNERS && !ended.signal.aborted; u++) {
      await seenAgain(state, name, u, u, 'now()');
      await sleep(state.harness.random() * LONGEST_PAUSE_MS);
    }
  })();
  const run = await state.world.lastseen('sweep', '--json').finally(() => ended.abort());
  await returning;
  if (run.code !== 0) console.error(`the sweep ended with ${run.code}:\n${run.stderr}`);
  const counts = run.code === 0 ? run.json<{ returned_candidates: number }>() : { returned_candidates: 0 };
  return {
    refused: run.code === 0 ? 0 : 1,
    returnedCandidates: counts.returned_candidates,
    lost: run.code === 0 ? await notFlagged(state, name) : 0,
    wrong: await wronglyFlagged(state, name),
  };
}

export const ORDINARY_MORNING: Fault<ReturningStage> = {
  name: 'ordinary-morning',
  about: 'ten sweeps while their candidates return one after another: none refuses, and nobody seen before is flagged',
  async inject(state, n) {
    const startedAt = performance.now();
    const sweeps: Morning[] = [];
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      sweeps.push(await sweepWhileLearnersReturn(state, `morning-${n}-${sweep}`));
    }
    const sum = (of: (sweep: Morning) => number) => sweeps.reduce((total, each) => total + of(each), 0);
    console.error(`returned between proof and look-up: ${sum((each) => each.returnedCandidates)}`);
    return {
      records: SWEEPS * LEARNERS,
      lost: sum(({ lost }) => lost),
      wrong: sum(({ wrong, refused }) => wrong + refused),
      duplicates: 0,
      recoveryMs: Math.round((performance.now() - startedAt) / SWEEPS),
    };
  },
};
