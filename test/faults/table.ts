import { json, table } from '../../src/cli/tables.ts';
import type { Outcome } from './fault.ts';

/** All injections of one fault. */
export interface FaultResult {
  readonly name: string;
  readonly times: number;
  readonly records: number;
  readonly lost: number;
  readonly wrong: number;
  readonly duplicates: number;
  /** The median of the injections, and the longest. */
  readonly recoveryMs: number;
  readonly longestRecoveryMs: number;
  /** Why it was injected less often than requested. */
  readonly failure?: string;
}

export function resultOf(name: string, outcomes: readonly Outcome[], failure?: string): FaultResult {
  const total = (figure: (outcome: Outcome) => number) => outcomes.reduce((sum, outcome) => sum + figure(outcome), 0);
  const times = outcomes.map(({ recoveryMs }) => recoveryMs).sort((a, b) => a - b);
  return {
    name,
    times: outcomes.length,
    records: total(({ records }) => records),
    lost: total(({ lost }) => lost),
    wrong: total(({ wrong }) => wrong),
    duplicates: total(({ duplicates }) => duplicates),
    recoveryMs: times[Math.floor((times.length - 1) / 2)] ?? 0,
    longestRecoveryMs: times.at(-1) ?? 0,
    ...(failure === undefined ? {} : { failure }),
  };
}

/** Whether nothing was lost or wrong, and everything was injected. */
export function isWhole({ lost, wrong, failure }: FaultResult): boolean {
  return lost === 0 && wrong === 0 && failure === undefined;
}

export function page(results: readonly FaultResult[]): string {
  const seconds = (ms: number) => (ms / 1_000).toFixed(1);
  const failed = results.filter(({ failure }) => failure !== undefined);
  return [
    table(
      ['fault', 'times', 'records', 'lost', 'wrong', 'duplicates', 'recovery s', 'longest s'],
      results.map(({ name, times, records, lost, wrong, duplicates, recoveryMs, longestRecoveryMs }) => [
        name,
        times,
        records,
        lost,
        wrong,
        duplicates,
        seconds(recoveryMs),
        seconds(longestRecoveryMs),
      ]),
    ),
    ...failed.map(({ name, failure }) => `${name}: ${failure}`),
  ].join('\n');
}

export const pageJson = (results: readonly FaultResult[]) => json({ faults: results });
