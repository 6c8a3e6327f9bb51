import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const DEMO = join(import.meta.dirname, '../../stack/demo/cli.ts');

// It starts a stack of its own, as a user does.
test('the demo runs its tour: a session arrives as last seen, RETURNED and S', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [DEMO, '--tour', '--learners', '300'], {
    timeout: 380_000,
    maxBuffer: 16 * 1024 * 1024,
  });
  expect(stdout).toContain('All passed.');
  expect(stdout.match(/^[1-6]\/6 /gm)).toHaveLength(6);
  expect(stdout).toMatch(/^ +0 ms {2}committed: a session of /m);
  const [, lastSeenMs, returnedMs, answeredMs, week] =
    /(\d+) ms {2}last seen: .*\n +(\d+) ms {2}RETURNED .*\n +(\d+) ms {2}S \S+ → \d\.\d+, P \S+ → \d\.\d+, week of (\S+)/.exec(
      stdout,
    ) ?? [];
  expect(Number(lastSeenMs)).toBeLessThanOrEqual(Number(returnedMs));
  expect(Number(returnedMs)).toBeLessThanOrEqual(Number(answeredMs));
  // The explanation at the end is as of now.
  expect(stdout.slice(stdout.indexOf('6/6'))).toContain('RETURNED');
  expect(Date.parse(week ?? '')).toBeGreaterThan(Date.now() - 8 * 86_400_000);
}, 400_000);
