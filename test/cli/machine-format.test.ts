import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { json } from '../../src/cli/tables.ts';
import { checkLog, logLine, parseOutput } from '../support/machine-format.ts';

const ROOT = join(import.meta.dirname, '../..');
const filesOf = (pattern: string) =>
  globSync(pattern, { cwd: ROOT }).map((path) => [path, readFileSync(join(ROOT, path), 'utf8')] as const);

it('writes the JSON of a command in snake_case, with large numbers as text', () => {
  const text = json({ runId: 'r', bySource: [{ lastSeenAt: null, I_t: 1 }], count: 5n, offset: 2n ** 60n });
  expect(text).toBe(
    '{"run_id":"r","by_source":[{"last_seen_at":null,"I_t":1}],"count":5,"offset":"1152921504606846976"}',
  );
  expect(parseOutput(text)).toMatchObject({ run_id: 'r' });
});

it('every command writes its JSON by that function', () => {
  const commands = filesOf('src/**/*command.ts').filter(([, text]) => text.includes("'--json'"));
  expect(commands.length).toBeGreaterThan(10);
  const others = [...filesOf('src/**/*command.ts'), ...filesOf('src/**/*page.ts')].filter(
    ([path, text]) => !path.startsWith('src/cli/') && /JSON\.stringify|process\.stdout/.test(text),
  );
  expect(others.map(([path]) => path)).toEqual([]);
});

it('the support of the tests rejects a key in camelCase and an unlisted event', () => {
  expect(() => parseOutput('{"rows":[{"lastSeenAt":1}]}')).toThrow('lastSeenAt');
  expect(() => checkLog('text\n{"event":"batch_applied","waitMs":1}')).toThrow('waitMs');
  expect(() => checkLog('{"event":"batch_appplied"}')).toThrow('batch_appplied');
  expect(() => checkLog('{"event":"batch_applied","wait_ms":1}\n{"event":"cut off')).not.toThrow();
});

it('tests look for log events by logLine, whose events the compiler checks', () => {
  const untyped = filesOf('test/**/*.ts').filter(
    ([path, text]) =>
      /"event":"\w+"/.test(text) && !/support\/machine-format|cli\/machine-format|demo\/report/.test(path),
  );
  expect(untyped.map(([path]) => path)).toEqual([]);
  expect('{"level":30,"event":"records_lost","kind":"lost"}').toMatch(logLine('records_lost', '"kind":"lost"'));
});
