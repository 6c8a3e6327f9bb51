import { describe, expect, it } from 'vitest';
import { table } from '../../src/cli/tables.ts';

const HEAD = ['run', 'status', 'note'];
const ROWS = [
  ['r-1', 'completed', 12n],
  ['r-2', 'failed', 'exited without a result'],
];

describe('a table', () => {
  it('has one column per name, and no colours', () => {
    expect(table(HEAD, ROWS)).toBe(
      ['run  status     note', 'r-1  completed  12', 'r-2  failed     exited without a result'].join('\n'),
    );
  });

  it('has one line per cell on a terminal that is too narrow', () => {
    expect(table(HEAD, ROWS, 18)).toBe(
      [
        'run     r-1',
        'status  completed',
        'note    12',
        '',
        'run     r-2',
        'status  failed',
        'note    exited without a result',
      ].join('\n'),
    );
  });

  it('stays a table if few of its lines are too long', () => {
    expect(table(HEAD, ROWS, 33)).toBe(table(HEAD, ROWS));
  });

  it('of two columns stays a table on a narrow terminal', () => {
    expect(table(['as of', 'now'], [['inactive', 3]], 5)).toBe('as of     now\ninactive  3');
  });
});
