import { describe, expect, it } from 'vitest';
import { table } from '../../src/cli/tables.ts';

const HEAD = ['run', 'status', 'note'];
const ROWS = [
  ['r-1', 'completed', 12n],
  ['r-2', 'failed', 'ended without a word'],
];

describe('a table', () => {
  it('has a column a name, and no colours', () => {
    expect(table(HEAD, ROWS)).toBe(
      ['run  status     note', 'r-1  completed  12', 'r-2  failed     ended without a word'].join('\n'),
    );
  });

  it('has a line a cell on a terminal that is too narrow for it', () => {
    expect(table(HEAD, ROWS, 18)).toBe(
      [
        'run     r-1',
        'status  completed',
        'note    12',
        '',
        'run     r-2',
        'status  failed',
        'note    ended without a word',
      ].join('\n'),
    );
  });

  it('stays a table where few of its lines are too long', () => {
    expect(table(HEAD, ROWS, 30)).toBe(table(HEAD, ROWS));
  });

  it('of names and values stays what it is', () => {
    expect(table(['as of', 'now'], [['inactive', 3]], 5)).toBe('as of     now\ninactive  3');
  });
});
