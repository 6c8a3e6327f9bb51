import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { LogEvent } from '../../src/runtime/log-events.ts';
import { logLine } from '../support/machine-format.ts';

const RUN_COMMAND = new URL('../../src/cli/run-command.ts', import.meta.url).href;
const NEVER = 'new Promise(() => setInterval(() => {}, 1000))';

/** Runs this work as a command in a process, and sends `signals` as soon as the work has begun. */
async function runWork(work: string, env: Record<string, string> = {}, signals: NodeJS.Signals[] = []) {
  const script = `
import { runCommand } from '${RUN_COMMAND}';
await runCommand({ name: 'test', needs: [], work: async (context) => { context.print('begun'); ${work} } });`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdout.once('data', async () => {
    for (const signal of signals) {
      const seen = stderr.length;
      child.kill(signal);
      while (stderr.length === seen && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
  const [code] = await once(child, 'close');
  return { code, stderr };
}

describe('a process', () => {
  it.each([
    ['a rejection', `Promise.reject(new Error('lost')); await ${NEVER};`],
    ['an exception', `setTimeout(() => { throw new Error('lost'); }); await ${NEVER};`],
  ])('exits with 1 after %s that is not handled, with one line and the stack in the log', async (_what, work) => {
    const { code, stderr } = await runWork(work);
    expect(code, stderr).toBe(1);
    expect(stderr.split('\n')).toContain('lastseen test: unexpected: lost');
    expect(JSON.parse(stderr.split('\n').find((line) => line.startsWith('{')) ?? '')).toMatchObject({
      event: 'process_crashed' satisfies LogEvent,
      stack: expect.stringMatching(/^at /),
    });
  });

  it('exits with 1 after STOP_WITHIN if the work does not end', async () => {
    const { code, stderr } = await runWork(`await ${NEVER};`, { STOP_WITHIN: '100ms' }, ['SIGTERM']);
    expect(code, stderr).toBe(1);
    expect(stderr).toMatch(logLine('shutdown_expired'));
  });

  it('exits at once after a second signal', async () => {
    const { code, stderr } = await runWork(`await ${NEVER};`, { STOP_WITHIN: '1h' }, ['SIGTERM', 'SIGINT']);
    expect(code, stderr).toBe(1);
    expect(stderr).not.toMatch(logLine('shutdown_expired'));
  });

  it('aborts graceDeadline before STOP_WITHIN is over', async () => {
    const deadline = 'new Promise((resolve) => context.graceDeadline.addEventListener("abort", resolve))';
    const wait = `await Promise.race([${deadline}, ${NEVER}]); return 0;`;
    const { code, stderr } = await runWork(wait, { STOP_WITHIN: '500ms' }, ['SIGTERM']);
    expect(code, stderr).toBe(0);
  });
});
