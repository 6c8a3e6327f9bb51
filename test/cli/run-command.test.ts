import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { LogEvent } from '../../src/runtime/log-events.ts';
import { logLine } from '../support/machine-format.ts';

const RUN_COMMAND = new URL('../../src/cli/run-command.ts', import.meta.url).href;
const NEVER = 'new Promise(() => setInterval(() => {}, 1000))';

const scriptOf = (work: string) => `
import { runCommand } from '${RUN_COMMAND}';
await runCommand({ name: 'test', needs: [], work: async (context) => { context.print('begun'); ${work} } });`;

/** Runs this work as a command in a process, and sends `signals` as soon as the work has begun. */
async function runWork(work: string, env: Record<string, string> = {}, signals: NodeJS.Signals[] = []) {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', scriptOf(work)], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
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
  return { code, stdout, stderr };
}

describe('a process', () => {
  const hostile = "'red\\u001b[31m, back\\u202e, clear\\u009b2J'";
  const shown = 'red\\u{1b}[31m, back\\u{202e}, clear\\u{9b}2J';

  it('shows control characters and direction marks as escapes in its output, log lines and errors', async () => {
    const { stdout, stderr } = await runWork(
      `context.print(${hostile});
       context.log.warn({ event: 'kafka_client_logged', topic: ${hostile} }, ${hostile});
       throw new Error(${hostile});`,
    );
    expect(stdout.split('\n')).toContain(shown);
    expect(stderr.split('\n')).toContain(shown.replace(/^/, 'lastseen test: unexpected: '));
    const line = stderr.split('\n').find((each) => each.startsWith('{')) ?? '';
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(JSON.parse(line)).toMatchObject({ topic: 'red\u001b[31m, back\u202e, clear\u009b2J' });
  });

  it('shows them as escapes in log lines for people', async () => {
    const logging = new URL('../../src/runtime/logging.ts', import.meta.url).href;
    const { stderr } = await runWork(
      `const { createLogger } = await import('${logging}');
       const log = createLogger({ level: 'info', pretty: true, command: 'test' });
       log.warn({ event: 'kafka_client_logged', topics: [${hostile}] }, ${hostile});`,
    );
    expect(stderr).toContain(`WARN: ${shown}`);
    expect(stderr).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
  });

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

  it('prints one line for a known error, and with LOG_LEVEL=debug the stack without messages of the causes', async () => {
    const errors = new URL('../../src/runtime/errors.ts', import.meta.url).href;
    const work = `const { LastseenError } = await import('${errors}');
      throw new LastseenError('tables_differ', 'no table', { cause: new Error('canary') });`;
    const quiet = await runWork(work);
    expect(quiet).toMatchObject({ code: 2, stderr: 'lastseen test: no table\n' });
    const debug = await runWork(work, { LOG_LEVEL: 'debug' });
    expect(debug.code).toBe(2);
    expect(debug.stderr).toMatch(/^lastseen test: no table\nLastseenError\n +at .*\nError\n +at /s);
    expect(debug.stderr).not.toContain('canary');
  });

  const result = `context.logResult({ event: 'kpi_completed' }, 'figures'); context.print('figures'); return 0;`;

  it('logs a result beside printing it', async () => {
    const { stdout, stderr } = await runWork(result);
    expect(stdout).toBe('begun\nfigures\n');
    expect(stderr).toMatch(logLine('kpi_completed'));
  });

  // Of util-linux; it runs a command on a terminal.
  const script = spawnSync('script', ['--version'], { encoding: 'utf8' });
  it.skipIf(!script.stdout?.includes('util-linux'))('prints a result once on a terminal', () => {
    const command = `'${process.execPath}' --input-type=module --eval "$SCRIPT"`;
    const { stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '', SHELL: '/bin/sh', SCRIPT: scriptOf(result) },
    });
    expect(stdout.replaceAll('\r', '')).toBe('begun\nfigures\n');
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('is ended by %s before its command begins', async (signal) => {
    const child = spawn(process.execPath, ['--input-type=module', '--eval', scriptOf('return 0;')]);
    child.kill(signal);
    expect(await once(child, 'close')).toEqual([null, signal]);
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
