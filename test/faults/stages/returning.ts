import { waitFor } from '../../support/waiting.ts';
import { inactivityEvents } from '../events.ts';
import { stage } from '../fault.ts';
import { sweepUntilDone } from '../sweeping.ts';
import { sleep } from '../waiting.ts';
import { ORDINARY_MORNING } from './mornings.ts';
import { LEARNERS, load, openReturning, type ReturningStage, seenAgain, sql } from './returning-world.ts';
import { RETURN_FAULTS } from './returns.ts';

export const returningStage = stage<ReturningStage>({
  name: 'returning',
  open: openReturning,
  faults: [
    {
      name: 'sweep-beside-track',
      about: 'a sweep while `track` is behind and writes the same learners',
      async inject(state, n) {
        const name = `race-${n}`;
        await load(state, name, `now() - interval '8 days'`);
        const before = await inactivityEvents(state.world);
        // The sessions of half of them are committed before the sweep begins, but `track` cannot have applied them.
        const proxy = state.harness.lastseenProxies.kafka;
        proxy.cut('silence');
        await seenAgain(state, name, 1, LEARNERS / 2, `now() - interval '1 second'`);
        const sweeping = state.world.lastseen('sweep', '--json');
        await sleep(500 + state.harness.random() * 1_500);
        proxy.restore();
        for (let u = LEARNERS / 2 + 1; u <= LEARNERS; u++) {
          await seenAgain(state, name, u, u, `now() - interval '1 second'`);
          await sleep(state.harness.random() * 120);
        }
        const swept = await sweeping;
        const endedAt = performance.now();
        if (swept.code !== 0) throw new Error(`the sweep ended with ${swept.code}:\n${swept.stderr}`);
        await waitFor('track has applied the new sessions of all learners', async () => {
          const behind = `SELECT FROM lastseen.user_last_seen WHERE user_id LIKE '${name}-%' AND last_seen_at < now() - interval '1 day'`;
          return (await sql(state, behind)).count === 0;
        });
        await sweepUntilDone(state.world);
        const { events, duplicates } = await inactivityEvents(state.world);
        const emitted = (phase: string) =>
          events.filter((event) => event.phase === phase && event.user_id.startsWith(`${name}-`)).map((e) => e.user_id);
        const crossed = new Set(emitted('CROSSED'));
        const returned = emitted('RETURNED');
        const early = [...crossed].filter((user) => Number(user.slice(name.length + 1)) <= LEARNERS / 2);
        const open = await sql(
          state,
          `SELECT FROM lastseen.episode JOIN lastseen.user_last_seen USING (student_id)
           WHERE returned_as_of IS NULL AND user_id LIKE '${name}-%'`,
        );
        return {
          records: 2 * LEARNERS,
          lost: crossed.difference(new Set(returned)).size,
          // Flagged although seen before; returned without a crossing, or twice; episode still open.
          wrong:
            early.length +
            returned.filter((user) => !crossed.has(user)).length +
            returned.length -
            new Set(returned).size +
            open.count,
          duplicates: duplicates - before.duplicates,
          recoveryMs: Math.round(performance.now() - endedAt),
        };
      },
    },
    {
      name: 'sweep-past-as-of',
      about: 'a sweep with an as-of before applied activity: learners seen since then are undecidable and not flagged',
      async inject(state, n) {
        const name = `past-${n}`;
        // Three days between the as-ofs, so that no lookback contains learners of another injection.
        const asOf = new Date(Date.now() - (100 + 3 * n) * 86_400_000).toISOString();
        await load(state, name, `timestamptz '${asOf}' - interval '8 days'`);
        await seenAgain(state, name, 21, LEARNERS, `timestamptz '${asOf}' + u * interval '1 minute'`);
        const startedAt = performance.now();
        const run = await sweepUntilDone(state.world, '--as-of', asOf, '--lookback', '9');
        const { undecidable } = run.json<{ undecidable: number }>();
        const { events, duplicates } = await inactivityEvents(state.world);
        const flagged = new Set(events.map(({ user_id }) => user_id).filter((user) => user.startsWith(`${name}-`)));
        const due = new Set(Array.from({ length: 20 }, (_, u) => `${name}-${u + 1}`));
        return {
          records: LEARNERS,
          lost: due.difference(flagged).size + (undecidable >= LEARNERS - 20 ? 0 : 1),
          wrong: flagged.difference(due).size,
          duplicates,
          recoveryMs: Math.round(performance.now() - startedAt),
        };
      },
    },
    ...RETURN_FAULTS,
    ORDINARY_MORNING,
  ],
});
