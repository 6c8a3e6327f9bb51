import { messagesIn } from '../../support/machine-format.ts';
import { createSecuredWorld } from '../../support/secured-world.ts';
import { stage } from '../fault.ts';
import type { Harness } from '../harness.ts';

/** The main job over TLS, client certificates and SCRAM, each time in a world of its own. */
interface SecuredStage {
  readonly harness: Harness;
  close(): Promise<void>;
}

async function inWorld<T>(
  { stack }: Harness,
  work: (world: Awaited<ReturnType<typeof createSecuredWorld>>) => Promise<T>,
) {
  if (stack.secured === undefined) throw new Error('the stack has no secured front');
  const world = await createSecuredWorld(stack.addresses, stack.secured);
  try {
    return await work(world);
  } finally {
    await world.close();
  }
}

/** Whether the operator gets one line about the refusal, without a stack. */
function isClear({ code, stderr }: { readonly code: number | null; readonly stderr: string }): boolean {
  const lines = messagesIn(stderr);
  return (
    code === 1 && lines.length === 1 && /no safe connection|denied access|refuses the connection/.test(lines[0] ?? '')
  );
}

export const securedStage = stage<SecuredStage>({
  name: 'secured',
  open: async (harness) => ({ harness, close: async () => {} }),
  faults: [
    {
      name: 'tls-scram',
      about: 'the main job with TLS, client certificates, SCRAM, and a login to the registry',
      inject: ({ harness }) =>
        inWorld(harness, async (world) => {
          await world.prepare();
          const startedAt = performance.now();
          const { records, differing, events, answered } = await world.runMainJob();
          return {
            records,
            lost: Math.max(0, 23 - events) + Math.max(0, events - answered),
            wrong: differing + Math.max(0, events - 23),
            duplicates: 0,
            recoveryMs: Math.round(performance.now() - startedAt),
          };
        }),
    },
    {
      name: 'refusals',
      about:
        'wrong passwords, expired certificates, wrong host names: each is refused with one clear line without a secret',
      inject: ({ harness }) =>
        inWorld(harness, async (world) => {
          const startedAt = performance.now();
          const attempts = await world.tryRefused();
          const unclear = attempts.filter(({ run }) => !isClear(run) || run.stderr.includes('canary'));
          for (const { part, fault, run } of unclear) console.error(`${part}, ${fault}: ${run.code} ${run.stderr}`);
          return {
            records: attempts.length,
            lost: 0,
            wrong: unclear.length,
            duplicates: 0,
            recoveryMs: Math.round(performance.now() - startedAt),
          };
        }),
    },
  ],
});
