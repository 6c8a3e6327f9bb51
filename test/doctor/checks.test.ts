import { describe, expect, it } from 'vitest';
import { type Check, runChecks } from '../../src/doctor/checks.ts';
import { type Finding, failed, ok, skipped } from '../../src/preflight/finding.ts';

const check = (name: string, needs: readonly string[], run: () => Promise<readonly Finding[]>): Check => ({
  name,
  needs,
  advise: () => ({ hint: `fix ${name}` }),
  run,
});
const passes = async () => [ok('fine')];

describe('checks', () => {
  it('return their findings in order, also when another one fails or hangs', async () => {
    const results = await runChecks(
      [
        check('throws', [], () => Promise.reject(new Error('no\nluck'))),
        check('hangs', [], () => new Promise(() => {})),
        check('passes', [], passes),
      ],
      20,
    );
    expect(results).toEqual([
      { check: 'throws', findings: [failed('no; luck', 'fix throws')] },
      { check: 'hangs', findings: [failed('no answer within 0.02 s', 'fix hangs')] },
      { check: 'passes', findings: [ok('fine')] },
    ]);
  });

  it('are skipped, and name the reason, if a check they need failed or was skipped', async () => {
    const results = await runChecks(
      [
        check('server', [], () => Promise.reject(new Error('gone'))),
        check('table', ['server'], passes),
        check('row', ['table'], passes),
      ],
      1_000,
    );
    expect(results.slice(1)).toEqual([
      { check: 'table', findings: [skipped('server failed')] },
      { check: 'row', findings: [skipped('table was skipped')] },
    ]);
  });

  it('are skipped after a failure that would show there as well, and not if that check was skipped', async () => {
    const proofAfter = (name: string) => ({ ...check('proof', [], passes), after: [name] });
    const gone = check('server', [], () => Promise.reject(new Error('gone')));
    const [, failure] = await runChecks([gone, proofAfter('server')], 1_000);
    expect(failure?.findings).toEqual([skipped('server failed')]);
    const results = await runChecks([gone, check('slot', ['server'], passes), proofAfter('slot')], 1_000);
    expect(results[2]?.findings).toEqual([ok('fine')]);
  });

  it('may have a timeout of their own', async () => {
    const slow = () => new Promise<readonly Finding[]>((done) => setTimeout(done, 30, [ok('done')]));
    const patient = { ...check('patient', [], slow), timeoutMs: 5_000 };
    const results = await runChecks([check('slow', [], slow), patient], 1);
    expect(results.map(({ findings }) => findings[0]?.status)).toEqual(['failed', 'ok']);
  });

  it('do not quote the value that an error is about', async () => {
    const results = await runChecks([check('json', [], async () => JSON.parse('canary'))], 1_000);
    expect(results[0]?.findings[0]?.status).toBe('failed');
    expect(JSON.stringify(results)).not.toContain('canary');
  });
});
