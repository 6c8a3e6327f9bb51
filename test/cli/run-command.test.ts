import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';

const PROCESS = new URL('../../src/cli/run-command.ts', import.meta.url).href;
const FOR_EVER = 'new Promise(() => setInterval(() => {}, 1000))';

/** A process of its own that runs this work as a command, sent `signals` as soon as the work has begun. */
async function runWork(work: string, env: Record<string, string> = {}, signals: NodeJS.Signals[] = []) {
  const script = `
import { runCommand } from '${PROCESS}';
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
    ['a rejection', `Promise.reject(new Error('lost')); await ${FOR_EVER};`],
    ['an exception', `setTimeout(() => { throw new Error('lost'); }); await ${FOR_EVER};`],
  ])('ends at %s that nobody handles: one clear line, and the stack in the log', async (_what, work) => {
    const { code, stderr } = await runWork(work);
    expect(code, stderr).toBe(1);
    expect(stderr.split('\n')).toContain('lastseen test: unexpected: lost');
    expect(JSON.parse(stderr.split('\n').find((line) => line.startsWith('{')) ?? '')).toMatchObject({
      event: 'process_crashed',
      stack: expect.stringMatching(/^at /),
    });
  });

  it('that does not end after a signal is over when its time is', async () => {
    const { code, stderr } = await runWork(`await ${FOR_EVER};`, { STOP_WITHIN: '100ms' }, ['SIGTERM']);
    expect(code, stderr).toBe(1);
    expect(stderr).toContain('"event":"shutdown_expired"');
  });

  it('that is asked twice goes at once', async () => {
    const { code, stderr } = await runWork(`await ${FOR_EVER};`, { STOP_WITHIN: '1h' }, ['SIGTERM', 'SIGINT']);
    expect(code, stderr).toBe(1);
    expect(stderr).not.toContain('shutdown_expired');
  });

  it('gives up what it waits for before its time is over', async () => {
    const givenUp = 'new Promise((resolve) => context.shutdownDeadline.addEventListener("abort", resolve))';
    const wait = `await Promise.race([${givenUp}, ${FOR_EVER}]); return 0;`;
    const { code, stderr } = await runWork(wait, { STOP_WITHIN: '500ms' }, ['SIGTERM']);
    expect(code, stderr).toBe(0);
  });
});
