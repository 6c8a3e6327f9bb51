import { describe, expect, it } from 'vitest';
import { nearest } from '../../src/runtime/nearest.ts';

describe('the nearest name', () => {
  it.each([
    ['sweep', 'sweep'],
    ['swep', 'sweep'],
    ['sweeep', 'sweep'],
    ['sweap', 'sweep'],
    ['wseep', 'sweep'],
    ['rpelay', 'replay'],
    ['swap', 'sweep'],
    ['nonsense', undefined],
    ['', undefined],
  ])('of %j is %j, within two edits', (word, name) => {
    expect(nearest(word, ['track', 'sweep', 'replay', 'sweeps'], 2)).toBe(name);
  });

  it('is the first of several that are equally near', () => {
    expect(nearest('anne', ['anna', 'anni'], 1)).toBe('anna');
  });
});
