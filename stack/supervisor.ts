import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, startChild } from './child.ts';
import { StackError, tailOf } from './errors.ts';
import type { Guard } from './guard.ts';
import type { Part, PartName } from './part.ts';
import { isFree } from './ports.ts';
import { endTree, signalGroup } from './teardown.ts';

export type PartState = 'resolving' | 'starting' | 'ready' | 'failed';

export interface SupervisorOptions {
  readonly parts: Readonly<Record<PartName, Part>>;
  readonly guard: Guard;
  /** Aborted when the stack stops: exits of parts are then no failures. */
  readonly stopping: AbortSignal;
  readonly onProgress: (part: PartName, state: PartState, detail?: string) => void;
}

/** Starts, watches and kills the parts of a stack. */
export interface Supervisor {
  /** Downloads what the part needs, starts it, and resolves when it is ready. */
  bringUp(name: PartName): Promise<void>;
  /** Resolves when the process is gone, or at once for SIGSTOP and SIGCONT. */
  kill(name: PartName, signal: NodeJS.Signals): Promise<void>;
  /** Starts a killed part again. */
  restart(name: PartName): Promise<void>;
  pids(): Record<PartName, number>;
}

interface Running {
  readonly child: Child;
  readonly logFile: string;
  /** True if the stack ended it: its exit is then no failure. */
  ended: boolean;
}

const READY_WITHIN_MS = 120_000;

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { parts, stopping, onProgress } = options;
  const running = new Map<PartName, Running>();
  const runningPart = (name: PartName): Running => {
    const now = running.get(name);
    if (now === undefined) throw new StackError(`${name} is not part of this stack`);
    return now;
  };
  const start = async (name: PartName): Promise<void> => {
    const now = await startPart(options, name, (child) => running.set(name, child));
    void now.child.exited.then((how) => {
      if (now.ended || stopping.aborted) return;
      onProgress(name, 'failed', `${name} died (${how}); end of its log:${tailOf(now.logFile)}`);
    });
  };
  return {
    async bringUp(name) {
      try {
        onProgress(name, 'resolving');
        await parts[name].prepare(() => onProgress(name, 'resolving', 'downloading (first run only)'));
        stopping.throwIfAborted();
        onProgress(name, 'starting');
        await start(name);
        await parts[name].afterFirstStart?.();
        onProgress(name, 'ready');
      } catch (error) {
        if (stopping.aborted) throw error;
        const failure = new StackError(`${name}: ${(error as Error).message}`, { cause: error });
        onProgress(name, 'failed', failure.message);
        throw failure;
      }
    },
    async kill(name, signal) {
      const now = runningPart(name);
      if (signal === 'SIGSTOP' || signal === 'SIGCONT') return signalGroup(now.child.pid, signal);
      now.ended = true;
      await endTree(now.child.pid, signal);
      await now.child.exited;
    },
    async restart(name) {
      if (!runningPart(name).ended) throw new StackError(`${name} is already running: kill it first`);
      await start(name);
    },
    pids: () =>
      Object.fromEntries([...running].map(([name, { child }]) => [name, child.pid])) as Record<PartName, number>,
  };
}

/** Resolves when the part is ready. @param onStart is called before that. */
async function startPart(
  { parts, guard, stopping }: SupervisorOptions,
  name: PartName,
  onStart: (running: Running) => void,
): Promise<Running> {
  const part = parts[name];
  for (const port of part.ports) {
    if (!(await isFree(port))) throw new StackError(`port ${port} is used by another process: stop it, or start again`);
  }
  const command = part.command();
  const running: Running = { child: await startChild(guard, command), logFile: command.logFile, ended: false };
  onStart(running);
  let exit: string | undefined;
  void running.child.exited.then((how) => {
    exit = how;
  });
  const deadline = Date.now() + READY_WITHIN_MS;
  while (!(await part.isReady().catch(() => false))) {
    stopping.throwIfAborted();
    if (exit !== undefined)
      throw new StackError(`died while starting (${exit}); end of its log:${tailOf(command.logFile)}`);
    if (Date.now() > deadline) {
      throw new StackError(`not ready within ${READY_WITHIN_MS / 1_000} s; end of its log:${tailOf(command.logFile)}`);
    }
    await sleep(100);
  }
  return running;
}
