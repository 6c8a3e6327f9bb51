import { describe, expect, it } from 'vitest';
import { type Finding, failed, ok, warning } from '../../src/preflight/finding.ts';
import { requireSound, type StartCheck } from '../../src/preflight/start-pipeline.ts';
import { LastseenError } from '../../src/runtime/errors.ts';
import type { Logger } from '../../src/runtime/logging.ts';

const check = (run: () => Promise<readonly Finding[]>): StartCheck => ({ name: 'names', code: 'config_invalid', run });
const outage = new LastseenError('postgres_unavailable', 'no answer', { retriable: true });

/** Runs the checks. @returns the logged lines */
async function start(checks: readonly StartCheck[], waits = true): Promise<readonly object[]> {
  const lines: object[] = [];
  const log = { warn: (line: object) => lines.push(line) } as unknown as Logger;
  await requireSound({ log }, checks, waits);
  return lines;
}

describe('the checks at the start of a command', () => {
  it('are silent if nothing failed', async () => {
    expect(await start([check(async () => [ok('fine'), warning('slow', 'wait')]), check(async () => [])])).toEqual([]);
  });

  it('end it with one line for each failure, with what to do', async () => {
    const failing = check(async () => [failed('no a', 'set A'), ok('fine'), failed('no b', 'set B')]);
    await expect(start([failing])).rejects.toMatchObject({
      code: 'config_invalid',
      message: 'no a: set A\nno b: set B',
    });
  });

  it('log what cannot be checked, and go on with the next one', async () => {
    const unknown = check(() => Promise.reject(new LastseenError('postgres_refused', 'no right')));
    expect(await start([unknown])).toEqual([{ event: 'setup_unchecked', check: 'names', error: 'no right' }]);
    await expect(start([unknown, check(async () => [failed('no a', 'set A')])])).rejects.toThrow('no a');
  });

  it('leave an outage to the caller that waits for its end, else to the command', async () => {
    const absent = check(() => Promise.reject(outage));
    await expect(start([absent])).rejects.toBe(outage);
    expect(await start([absent], false)).toMatchObject([{ event: 'setup_unchecked' }]);
  });
});
