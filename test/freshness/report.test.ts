import { describe, expect, it } from 'vitest';
import { parseInstant } from '../../src/activity/instant.ts';
import { freshError, freshJson, freshPage } from '../../src/freshness/fresh-page.ts';
import { type FreshnessReport, missingOf, reportSources, reportUnread } from '../../src/freshness/report.ts';

const UNTIL = parseInstant('2026-03-16T05:00:03.5Z') ?? 0n;
const AS_OF = parseInstant('2026-03-16T05:00:00Z') ?? 0n;
const source = (name: 'session' | 'attempt', applied: bigint) => ({
  source: name,
  topic: `p.${name}`,
  capture: {
    tables: [`public.${name}`],
    missingOperations: [],
    missingPartitions: [],
    rowFilters: [],
    hiddenColumns: [],
  },
  hasRows: true,
  partitions: [
    { partition: 0, end: 5n, stable: 5n, applied, appliedBefore: applied },
    { partition: 1, end: 0n, stable: 0n, applied: undefined, appliedBefore: undefined },
  ],
  gaps: [],
  unreadableLetters: 0n,
  at: UNTIL,
  history: [],
});
const evidence = {
  slot: { name: 's', kind: 'past' },
  publication: 'pub',
  drift: undefined,
  maxUnreadableLetters: 0,
  sources: [source('session', 5n), source('attempt', 3n)],
} as const;
const report = (sources: FreshnessReport['sources']): FreshnessReport => ({ asOf: AS_OF, sources });

describe('a report of freshness', () => {
  it('proves a source while another is behind or broken', () => {
    expect(reportSources(evidence, UNTIL)).toEqual([
      { source: 'session', topic: 'p.session', proof: { kind: 'proven', until: UNTIL, records: 5n } },
      {
        source: 'attempt',
        topic: 'p.attempt',
        proof: { kind: 'behind', missing: ['attempt: p.attempt partition 0: 2 records behind'] },
      },
    ]);
    const sources = [source('session', 5n), source('attempt', 6n)];
    expect(reportSources({ ...evidence, sources }, UNTIL).map(({ proof }) => proof.kind)).toEqual(['proven', 'broken']);
  });

  it('lists a reason that concerns all sources once', () => {
    const slot = { name: 's', kind: 'lost' } as const;
    const lost = report(reportSources({ ...evidence, slot }, UNTIL));
    expect(lost.sources.map(({ proof }) => proof.kind)).toEqual(['broken', 'broken']);
    expect(missingOf(lost)).toEqual([expect.stringMatching(/slot s is lost/)]);
  });

  it('is a line per source for people, and an error with a line per reason', () => {
    const half = report(reportSources(evidence, UNTIL));
    expect(freshPage(half)).toMatch(
      /^source +proven up to\nsession +Mon 16 Mar 2026, 05:00:03 UTC\nattempt +not proven$/,
    );
    expect(freshError(half)).toMatchObject({
      code: 'not_fresh',
      message: 'not fresh: attempt: p.attempt partition 0: 2 records behind',
    });
  });

  it('is one JSON object with what is missing per source', () => {
    expect(JSON.parse(freshJson(report(reportSources(evidence, UNTIL))))).toEqual({
      status: 'not_fresh',
      as_of: '2026-03-16T05:00:00.000000Z',
      sources: [
        { source: 'session', topic: 'p.session', proven_until: '2026-03-16T05:00:03.500000Z', missing: [] },
        {
          source: 'attempt',
          topic: 'p.attempt',
          proven_until: null,
          missing: ['attempt: p.attempt partition 0: 2 records behind'],
        },
      ],
    });
  });

  it('is fresh only if every source is proven', () => {
    const fresh = report(reportSources({ ...evidence, sources: [source('session', 5n)] }, UNTIL));
    expect(freshError(fresh)).toBeUndefined();
    expect(JSON.parse(freshJson(fresh))).toMatchObject({ status: 'fresh' });
    const unread = report(reportUnread(new Map([['p.session', 'session']]), 'behind', ['Kafka is not available']));
    expect(JSON.parse(freshJson(unread))).toMatchObject({ status: 'not_fresh' });
    expect(freshError(unread)).toMatchObject({ message: 'not fresh: Kafka is not available' });
  });
});
