import { describe, expect, it } from 'vitest';
import { openCsv } from '../../src/cli/csv.ts';

/** The CSV of records with these columns. */
function csv<Column extends string>(
  columns: readonly Column[],
  ...records: Parameters<ReturnType<typeof openCsv<Column>>>[0][]
) {
  const written: Buffer[] = [];
  records.forEach(openCsv({ write: (bytes) => written.push(bytes) }, columns));
  return Buffer.concat(written).toString();
}

const cell = (value: string | number | bigint | boolean | null) => csv(['c'], { c: value }).slice(3, -2);

describe('CSV', () => {
  it('has a header in snake_case, and ends each record with CRLF', () => {
    expect(csv(['userId', 'I_t', 'days'], { userId: 'anna', I_t: null, days: 7 })).toBe(
      'user_id,I_t,days\r\nanna,,7\r\n',
    );
  });

  it('has a header without records', () => {
    expect(csv(['userId'])).toBe('user_id\r\n');
  });

  it('quotes commas, quotes and line ends', () => {
    expect(['a,b', 'say "a"', 'a\nb', 'plain'].map(cell)).toEqual(['"a,b"', '"say ""a"""', '"a\nb"', 'plain']);
  });

  it('writes numbers as they are, also negative ones', () => {
    expect([-0.25, 1e-7, -(2n ** 60n), true].map(cell)).toEqual(['-0.25', '1e-7', '-1152921504606846976', 'true']);
  });

  it.each(['=1+1', '+1', '-1', '@a', '\t=1', '＝1'])(
    'marks text that a spreadsheet would run as a formula: %j',
    (text) => {
      expect(cell(text)).toBe(`'${text}`);
    },
  );

  it('escapes characters that control a terminal', () => {
    expect(cell('red\u001b[31m')).toBe('red\\u{1b}[31m');
  });
});
