import { SOURCES } from '../../src/activity/source.ts';
import type { Comparison } from './proof.ts';
import type { DemoResult } from './result.ts';

export interface Check {
  readonly name: string;
  readonly passed: boolean;
  /** The numbers behind it. */
  readonly detail: string;
}

/** All checks of a run, each with its numbers. */
export function checksOf(result: DemoResult): Check[] {
  const { proof, sweep, sources, published } = result;
  const expected = sum(SOURCES.map((source) => sources[source].expectedRecords));
  const delivered = sum(SOURCES.map((source) => sources[source].deliveredRecords));
  const tracked = sum(SOURCES.flatMap((source) => Object.values(sources[source].outcomes)));
  const dead = sum(
    SOURCES.flatMap((source) =>
      Object.entries(sources[source].outcomes).flatMap(([outcome, n]) =>
        outcome.startsWith('dead letter') ? [n] : [],
      ),
    ),
  );
  const checks: Check[] = [
    {
      name: 'every change in the source tables is a record in its topic',
      passed: SOURCES.every((source) => sources[source].expectedRecords === sources[source].deliveredRecords),
      detail: `${format(delivered)} of ${format(expected)} records`,
    },
    {
      name: 'every record was read, and none is a dead letter',
      passed: tracked === delivered && dead === 0,
      detail: `${format(tracked)} read, ${format(dead)} dead letters`,
    },
    equal('last seen of every learner equals SQL over the source tables, to the microsecond', proof.lastSeen),
    equal('the flagged learners are exactly those that SQL over the source tables finds inactive', proof.flagged),
    {
      name: 'a second sweep emits no event',
      passed: proof.eventsOfSecondSweep === 0,
      detail: `${format(sweep.crossed + sweep.ongoing)} events, then ${format(proof.eventsOfSecondSweep)}`,
    },
    equal('every event led to P and S between 0 and 1 in weekly_kpi', proof.answers),
    equal('figures of other jobs are unchanged for flagged learners, byte for byte', proof.foreignFigures),
    equal('weekly rows of all other learners are unchanged, byte for byte', proof.untouchedRows),
    {
      name: 'a replay of all topics changes no byte of last seen',
      passed:
        proof.digestBefore === proof.digestAfter &&
        proof.replay.rowsChanged === 0 &&
        proof.replay.records === delivered,
      detail: `${format(proof.replay.records)} records replayed; sha256 ${short(proof.digestBefore)} before, ${short(proof.digestAfter)} after`,
    },
  ];
  if (published !== undefined) {
    checks.push({
      name: 'seen and flagged learners match the figures published with the files',
      passed: published.seen === result.tracked && published.flagged === sweep.inactive,
      detail: `${format(result.tracked)} of ${format(published.seen)} seen, ${format(sweep.inactive)} of ${format(published.flagged)} flagged`,
    });
  }
  return checks;
}

/** Fails when nothing was compared: that would prove nothing. */
function equal(name: string, { compared, differing }: Comparison): Check {
  return {
    name,
    passed: compared > 0 && differing === 0,
    detail: `${format(compared)} compared, ${format(differing)} differing`,
  };
}

const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);
const format = (count: number): string => count.toLocaleString('en');
const short = (digest: string): string => `${digest.slice(0, 12)}…`;
