import { expect, test } from 'vitest';
import { must, single } from '../../src/runtime/must.ts';

test('must returns any other value, also a falsy one', () => {
  expect([must(0, 'zero'), must('', 'empty'), must(false, 'false')]).toEqual([0, '', false]);
});

test.each([null, undefined])('must throws for %s and names the invariant', (value) => {
  expect(() => must(value, 'a run has an id')).toThrow('missing value: a run has an id');
});

test('single returns the only element', () => {
  expect(single(['row'], 'count')).toBe('row');
});

test.each([[[]], [['a', 'b']]])('single throws for %j', (values) => {
  expect(() => single(values, 'count')).toThrow(`expected one value, got ${values.length}: count`);
});
