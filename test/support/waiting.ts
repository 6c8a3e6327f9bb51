import { setTimeout as sleep } from 'node:timers/promises';
import type { StartedCli } from './lastseen-cli.ts';

const WAIT_MS = 60_000;
const POLL_MS = 50;

/**
 * Polls until the condition is true. An error in the condition ends the wait.
 *
 * @param what the awaited state, for the message when it does not come in time
 */
export async function waitFor(what: string, condition: () => Promise<unknown>, withinMs = WAIT_MS): Promise<void> {
  for (const deadline = Date.now() + withinMs; !(await condition()); ) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs / 1_000} s: ${what}`);
    await sleep(POLL_MS);
  }
}

/** Resolves when what the process writes to its log matches. Rejects when it exits first or the time is over. */
export async function waitForLog(run: StartedCli, pattern: RegExp, withinMs = WAIT_MS): Promise<RegExpExecArray> {
  const { promise, resolve, reject } = Promise.withResolvers<RegExpExecArray>();
  let log = '';
  const onData = (text: string) => {
    log += text;
    const match = pattern.exec(log);
    if (match !== null) resolve(match);
  };
  run.process.stderr?.on('data', onData);
  void run.ended.then(({ code, stderr }) => reject(new Error(`exited with ${code} without ${pattern}:\n${stderr}`)));
  const timer = setTimeout(
    () => reject(new Error(`no log line matched ${pattern} within ${withinMs / 1_000} s:\n${log}`)),
    withinMs,
  );
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    run.process.stderr?.off('data', onData);
  }
}
