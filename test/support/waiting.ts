import { setTimeout as sleep } from 'node:timers/promises';
import type { StartedCli } from './lastseen-cli.ts';

const WAIT_MS = 60_000;
const POLL_MS = 50;

/**
 * Polls until the condition is true. An error in the condition ends the wait, and so does the deadline while the condition
 * is being evaluated.
 *
 * @param what the awaited state, for the message after the deadline.
 */
export async function waitFor(what: string, condition: () => Promise<unknown>, withinMs = WAIT_MS): Promise<void> {
  const { promise: overdue, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`not within ${withinMs / 1_000} s: ${what}`)), withinMs);
  try {
    while (!(await Promise.race([condition(), overdue]))) await sleep(POLL_MS);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves when the log of the process matches. Rejects if the process exits before, or after the deadline. */
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
