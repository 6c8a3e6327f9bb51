import { stage } from '../fault.ts';
import { createResolver, type Resolver } from '../resolver.ts';
import { sleep } from '../waiting.ts';
import { disturbing, openTrackStage, type TrackStage, whileCut } from './track.ts';

/** `track` with limits that an administrator sets, and with servers that it knows by names. It must wait, and never end. */
interface SurroundingsStage extends TrackStage {
  readonly resolver: Resolver;
}

const LIMITS = {
  statement_timeout: '300ms',
  lock_timeout: '300ms',
  idle_in_transaction_session_timeout: '300ms',
  idle_session_timeout: '500ms',
  transaction_timeout: '500ms',
};

/** Also ends the sessions of `track`, because new ones get the settings. */
async function limitRole({ world }: TrackStage, limits: Readonly<Record<string, string>>): Promise<void> {
  const role = `lastseen_track IN DATABASE ${new URL(world.env['DATABASE_URL'] ?? '').pathname.slice(1)}`;
  await world.database.query({ text: `ALTER ROLE ${role} RESET ALL` });
  for (const [name, value] of Object.entries(limits))
    await world.database.query({ text: `ALTER ROLE ${role} SET ${name} = '${value}'` });
  await world.database.query({
    text: `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'lastseen_track' AND datname = current_database()`,
  });
}

/** Throws if `track` exited by itself during the work. */
async function withoutExit({ track }: TrackStage, work: () => Promise<void>): Promise<void> {
  const before = track.ends.length;
  await work();
  const exits = track.ends.slice(before).filter((end) => !end.startsWith('track ended with null'));
  if (exits.length > 0) throw new Error(`track exited: ${exits.join('\n')}`);
}

export const surroundingsStage = stage<SurroundingsStage>({
  name: 'surroundings',
  async open(harness, injections) {
    const resolver = createResolver();
    const state = await openTrackStage(harness, injections, resolver.named);
    return {
      ...state,
      resolver,
      close: () => state.close().finally(() => resolver.close()),
    };
  },
  faults: [
    disturbing(
      'role-timeouts',
      'the role of `track` gets timeouts of 300 to 500 ms while its rows are locked for 2 s: it waits and does not exit',
      (state, _, load) =>
        withoutExit(state, async () => {
          await limitRole(state, LIMITS);
          await state.world.database.transaction(async (tx) => {
            await tx.query({ text: 'SELECT FROM lastseen.user_last_seen FOR UPDATE' });
            await load();
            await sleep(2_000 + state.harness.random() * 500);
          });
          await sleep(1_000);
          await limitRole(state, {});
        }),
    ),
    disturbing(
      'dns-outage',
      'no server name resolves for 5 s (ENOTFOUND or EAI_AGAIN) while connections are cut or `track` starts: it does not exit',
      (state, n, load) =>
        withoutExit(state, async () => {
          const { kafka, postgres, registry } = state.harness.lastseenProxies;
          state.resolver.fail(n % 2 === 0 ? 'ENOTFOUND' : 'EAI_AGAIN');
          try {
            if (n % 4 < 2) state.track.kill('SIGKILL');
            const cut = () => sleep(500 + state.harness.random() * 500);
            await whileCut(postgres, 'reset', () => whileCut(kafka, 'reset', () => whileCut(registry, 'reset', cut)));
            await load();
            await sleep(4_000);
          } finally {
            state.resolver.restore();
          }
        }),
    ),
  ],
});
