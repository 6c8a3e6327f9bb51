import { expect, it } from 'vitest';
import { keepKeys, snakeKeys } from '../../src/runtime/snake-keys.ts';

it('writes camelCase keys in snake_case at any depth', () => {
  expect(snakeKeys({ runId: 1, days: [{ sweepOn: 'x' }], bySource: { atMs: null } })).toEqual({
    run_id: 1,
    days: [{ sweep_on: 'x' }],
    by_source: { at_ms: null },
  });
});

it('leaves keys that are data', () => {
  const data = { I_t: 1, P: 2, 'skipped: not_ours': 3, 'some.Topic': 4, exam_results: 5, ABC: 6, 'r-theta': 7 };
  expect(snakeKeys(data)).toEqual(data);
});

it('leaves values, among them bigints, as they are', () => {
  expect(snakeKeys({ asOf: 1n, name: 'camelCase', none: undefined, nothing: null })).toEqual({
    as_of: 1n,
    name: 'camelCase',
    none: undefined,
    nothing: null,
  });
});

it('leaves the keys of stored data', () => {
  expect(JSON.stringify(snakeKeys({ weeklyKpis: keepKeys({ ownKey: 1 }) }))).toBe('{"weekly_kpis":{"ownKey":1}}');
});
