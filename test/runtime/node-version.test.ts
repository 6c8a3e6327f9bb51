import { expect, it } from 'vitest';
import { isSupportedNode } from '../../src/runtime/node-version.ts';
import { PACKAGE } from '../../src/runtime/package.ts';

it.each([
  ['24.20.0', true],
  ['24.20.1', true],
  ['24.100.0', true],
  ['24.19.9', false],
  ['20.20.2', false],
  ['25.0.0', false],
  ['26.0.9', false],
  ['26.1.0', true],
  ['27.0.0-nightly20270101', false],
])('compares Node %s with alternatives: %s', (version, isSupported) => {
  expect(isSupportedNode(version, '^24.20.0 || ^26.1.0')).toBe(isSupported);
});

it('supports the Node that runs the tests', () => {
  expect(isSupportedNode(process.versions.node, PACKAGE.engines.node)).toBe(true);
});

it('refuses a range that it cannot read', () => {
  expect(() => isSupportedNode('24.20.0', '>=24')).toThrow('>=24');
});
