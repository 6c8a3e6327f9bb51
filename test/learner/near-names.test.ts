import { describe, expect, it } from 'vitest';
import { nearNames } from '../../src/learner/near-names.ts';

describe('a near name', () => {
  it.each([
    ['anna', 'ana'],
    ['anna', 'annna'],
    ['anna', 'anna1'],
    ['anna', '1anna'],
    ['anna', 'anne'],
    ['anna', 'nana'],
    ['anna', 'Anna'],
    ['anna', 'ANNA'],
    [' anna', 'anna'],
    ['anna', 'an-na'],
    ['zoë', 'ozë'],
    ['a😀b', '😀ab'],
  ])('of %j is %j', (name, near) => {
    expect(nearNames(name)).toContain(near);
  });

  it('is not the name itself, not empty, and no name that is two mistakes away', () => {
    expect(nearNames('ab')).not.toContain('ab');
    expect(nearNames('a')).not.toContain('');
    expect(nearNames('anna')).not.toContain('ann-1');
  });

  it('is one of a few thousand, also for a long id', () => {
    expect(nearNames('3f2b1c9e-0d4a-4e6b-8a57-91c2d3e4f5a6').length).toBeLessThan(6_000);
  });
});
