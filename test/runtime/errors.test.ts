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

describe('the safe message of an error', () => {
  it('is its own message if the error is ours', () => {
    expect(safeMessage(new LastseenError('busy', 'another sweep is running'))).toBe('another sweep is running');
    expect(safeMessage(new Error('schema 5 was not prepared'))).toBe('schema 5 was not prepared');
  });

  it.each([
    ['text that is not JSON', () => JSON.parse('canary')],
    ['text that is not an integer', () => BigInt('canary')],
    ['an argument of Node', () => Buffer.from('x', 'canary' as BufferEncoding)],
    ['a value that is not an Error', () => Promise.reject('canary')],
  ])('does not quote %s', (_, work) => {
    const error = work.toString().includes('reject') ? 'canary' : thrown(work);
    expect(safeMessage(error)).not.toContain('canary');
  });

  it('has stack frames without the message above them', () => {
    const error = thrown(() => JSON.parse('canary\n    at canary'));
    expect(framesOf(error)).toMatch(/^\n {4}at /);
    expect(framesOf(error)).not.toContain('canary');
  });
});
