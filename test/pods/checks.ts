import { table } from '../../src/cli/tables.ts';

interface Row {
  readonly pod: string;
  readonly what: string;
  readonly ok: boolean;
  readonly seen: string;
}

/** The checks so far, in order. */
export interface Checks {
  check(pod: string, what: string, ok: boolean, seen?: string | number): void;
  allRight(): boolean;
  page(): string;
}

/** @param report is called for each check. */
export function createChecks(report: (line: string) => void): Checks {
  const rows: Row[] = [];
  return {
    check(pod, what, ok, seen = '') {
      rows.push({ pod, what, ok, seen: String(seen) });
      report(`${ok ? 'ok    ' : 'FAILED'} ${pod}: ${what}${seen === '' ? '' : ` (${seen})`}`);
    },
    allRight: () => rows.length > 0 && rows.every(({ ok }) => ok),
    page: () =>
      table(
        ['pod', 'check', '', 'seen'],
        rows.map(({ pod, what, ok, seen }) => [pod, what, ok ? 'ok' : 'FAILED', seen]),
      ),
  };
}
