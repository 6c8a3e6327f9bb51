import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChild } from '../child.ts';
import { StackError, tailOf } from '../errors.ts';
import { createGuard, type Guard } from '../guard.ts';
import { freePorts } from '../ports.ts';
import type { RunningStack } from '../stack.ts';
import { CLI } from './lastseen-command.ts';

/** The consumers of a running product. */
export interface Live {
  /** The HTTP address of each. */
  readonly pages: readonly { readonly name: ConsumerName; readonly url: string }[];
  stop(): Promise<void>;
}

const CONSUMERS = ['track', 'recompute'] as const;
type ConsumerName = (typeof CONSUMERS)[number];

const READY_WITHIN_MS = 60_000;
const POLL_MS = 200;

/** Starts `track` and `recompute`, and waits until both are ready. Their logs are in the stack's folder. */
export async function startLive(
  { runDir }: Pick<RunningStack, 'runDir'>,
  environment: Readonly<Record<string, string>>,
): Promise<Live> {
  const guard = createGuard();
  const ports = await freePorts(CONSUMERS.length);
  try {
    const pages = await Promise.all(
      CONSUMERS.map(async (name, at) => {
        const url = `http://127.0.0.1:${ports[at]}`;
        const env = { ...environment, HTTP_HOST: '127.0.0.1', HTTP_PORT: String(ports[at]) };
        await startConsumer(guard, { name, url, env, logFile: join(runDir, 'logs', `${name}.log`) });
        return { name, url };
      }),
    );
    return { pages, stop: () => guard.close() };
  } catch (error) {
    await guard.close();
    throw error;
  }
}

interface Consumer {
  readonly name: ConsumerName;
  readonly url: string;
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
}

async function startConsumer(guard: Guard, { name, url, env, logFile }: Consumer): Promise<void> {
  const child = await startChild(guard, {
    command: process.execPath,
    args: [CLI, name],
    logFile,
    env,
    endSignal: 'SIGTERM',
  });
  let ended: string | undefined;
  void child.exited.then((how) => {
    ended = how;
  });
  const deadline = Date.now() + READY_WITHIN_MS;
  while (!(await isReady(url))) {
    const why = ended ?? (Date.now() > deadline ? `is not ready after ${READY_WITHIN_MS / 1000} s` : undefined);
    if (why !== undefined) throw new StackError(`lastseen ${name} ${why}; end of its log:${tailOf(logFile)}`);
    await sleep(POLL_MS);
  }
}

async function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) }).then(
    ({ ok }) => ok,
    () => false,
  );
}
