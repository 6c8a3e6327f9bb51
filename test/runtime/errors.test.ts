import { describe, expect, it } from 'vitest';
import { framesOf, LastseenError, safeMessage } from '../../src/runtime/errors.ts';

const thrown = (work: () => unknown): Error => {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
};

describe('what is said of an error', () => {
  it('is the message where it is ours', () => {
    expect(safeMessage(new LastseenError('busy', 'another sweep is running'))).toBe('another sweep is running');
    expect(safeMessage(new Error('schema 5 was not prepared'))).toBe('schema 5 was not prepared');
  });

  it.each([
    ['text that is no JSON', () => JSON.parse('canary')],
    ['text that is no integer', () => BigInt('canary')],
    ['an argument of Node', () => Buffer.from('x', 'canary' as BufferEncoding)],
    ['a value that is no error', () => Promise.reject('canary')],
  ])('quotes nothing of %s', (_, work) => {
    const error = work.toString().includes('reject') ? 'canary' : thrown(work);
    expect(safeMessage(error)).not.toContain('canary');
  });

  it('holds the way through the code, without the message above it', () => {
    const error = thrown(() => JSON.parse('canary\n    at canary'));
    expect(framesOf(error)).toMatch(/^\n {4}at /);
    expect(framesOf(error)).not.toContain('canary');
  });
});
