import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SOURCES } from '../../src/activity/source.ts';
import {
  breakOf,
  type CaptureEvidence,
  type CaptureSlot,
  describeBreak,
  hasSameIdentity,
  nextEvidence,
} from '../../src/freshness/capture-evidence.ts';

const SLOT: CaptureSlot = {
  name: 'conn',
  restartLsn: 900n,
  confirmedFlushLsn: 1_000n,
  totalTxns: 50n,
  failover: false,
  synced: false,
};
const PUBLICATION = { name: 'pub', oid: '10', xmin: '700' };
const member = (memberships: string[], more: Partial<CaptureEvidence['members'][number]> = {}) => ({
  source: 'session' as const,
  table: 'public.session',
  classOid: '20',
  memberships,
  ...more,
});
const STORED: CaptureEvidence = {
  systemIdentifier: '77',
  timeline: 1,
  flushLsn: 1_200n,
  statisticsSince: 100n,
  slot: SLOT,
  publication: PUBLICATION,
  members: [member(['30'])],
  offset: null,
};
const changes = (seen: Partial<CaptureEvidence>, stored: Partial<CaptureEvidence> = {}) =>
  breakOf({ ...STORED, ...stored }, { ...STORED, ...seen });
const slot = (seen: Partial<CaptureSlot>) => ({ slot: { ...SLOT, ...seen } });

describe('capture was continuous', () => {
  it.each<[string, Partial<CaptureEvidence>]>([
    ['if positions and counts rose', { flushLsn: 9_000n, ...slot({ restartLsn: 8_000n, totalTxns: 51n }) }],
    ['if the confirmed position went back, as a crash sets it', slot({ confirmedFlushLsn: 950n })],
    [
      'if a crash also reset the count, because the slot still starts before what was confirmed',
      slot({ totalTxns: 0n }),
    ],
    [
      'if a crash reset the count, and the slot passed what was confirmed before the next look',
      { flushLsn: 9_000n, statisticsSince: 200n, ...slot({ restartLsn: 8_000n, totalTxns: 0n }) },
    ],
    [
      'if the slot passed what was confirmed without a transaction',
      { flushLsn: 9_000n, ...slot({ restartLsn: 8_000n, confirmedFlushLsn: 8_100n }) },
    ],
    [
      'if a promoted server continues with a synchronized failover slot, also if its log is shorter',
      { timeline: 2, flushLsn: 1_100n, ...slot({ failover: true, synced: true, totalTxns: 0n, restartLsn: 5_000n }) },
    ],
    [
      'if another table is published, or the table by another way too',
      {
        members: [member(['30', '31']), member(['32'], { source: 'attempt', table: 'public.attempt', classOid: '21' })],
      },
    ],
    ['if the source is not enabled any more', { members: [] }],
  ])('%s', (_, seen) => {
    expect(changes(seen)).toEqual([]);
  });

  it('if a partition was added or removed', () => {
    const partition = member([], { table: 'public.session_1', classOid: '22' });
    expect(changes({ members: [...STORED.members, partition] })).toEqual([]);
    expect(changes({}, { members: [...STORED.members, partition] })).toEqual([]);
  });

  it('if nothing changed, in all cases', () => {
    const text = fc.constantFrom('1', '2', '3');
    const position = fc.nat(20).map(BigInt);
    const evidence: fc.Arbitrary<CaptureEvidence> = fc.record({
      systemIdentifier: text,
      timeline: fc.nat(3),
      flushLsn: position,
      statisticsSince: fc.option(position),
      slot: fc.option(
        fc.record({
          name: text,
          restartLsn: fc.option(position),
          confirmedFlushLsn: fc.option(position),
          totalTxns: position,
          failover: fc.boolean(),
          synced: fc.boolean(),
        }),
      ),
      publication: fc.option(fc.record({ name: text, oid: text, xmin: text })),
      members: fc.uniqueArray(
        fc.record({
          source: fc.constantFrom(...SOURCES),
          table: text,
          classOid: fc.option(text),
          memberships: fc.array(text),
        }),
        { selector: ({ source, table }) => `${source} ${table}` },
      ),
      offset: fc.option(fc.record({ connector: text, isStopped: fc.boolean(), lsn: fc.option(position) })),
    });
    fc.assert(
      fc.property(evidence, (each) => {
        expect(breakOf(each, structuredClone(each))).toEqual([]);
        expect(breakOf(each, nextEvidence(each, each))).toEqual([]);
        expect(hasSameIdentity(each, nextEvidence(each, each))).toBe(true);
      }),
    );
  });
});

describe('capture broke', () => {
  it.each<[string, Partial<CaptureEvidence>, RegExp]>([
    ['if the server is another one', { systemIdentifier: '78', flushLsn: 1n }, /another server/],
    ['if its log went back on the same timeline', { flushLsn: 1_199n }, /went back from 0\/4B0 to 0\/4AF/],
    ['if there is no slot any more', { slot: null }, /no replication slot conn any more/],
    ['if another slot is used', slot({ name: 'other' }), /slot is other, not conn/],
    [
      'if the slot starts after what was confirmed and counts from 0',
      slot({ restartLsn: 1_001n, totalTxns: 49n }),
      /again/,
    ],
    [
      'if the slot starts exactly at what was confirmed and counts from 0',
      slot({ restartLsn: 1_000n, totalTxns: 0n }),
      /again/,
    ],
    ['if the slot has lost its position and counts from 0', slot({ restartLsn: null, totalTxns: 0n }), /again/],
    [
      'if a restored server has a slot, although it starts before what was confirmed',
      { timeline: 2, flushLsn: 1_100n, ...slot({ restartLsn: 500n, totalTxns: 60n }) },
      /timeline 2, not 1, and replication slot conn was not synchronized/,
    ],
    [
      'if a promoted server has no slot, naming the promotion',
      { timeline: 2, slot: null },
      /timeline 2, not 1, and replication slot conn was not synchronized/,
    ],
    [
      'if the slot of a promoted server is only meant for it',
      { timeline: 2, ...slot({ failover: true }) },
      /not synchronized/,
    ],
    [
      'if there is no publication any more',
      { publication: null, members: [member([])] },
      /no publication pub any more/,
    ],
    [
      'if the publication was created again',
      { publication: { ...PUBLICATION, oid: '11' }, members: [member(['31'])] },
      /pub was created again/,
    ],
    [
      'if another publication is used',
      { publication: { name: 'p2', oid: '11', xmin: '1' } },
      /publication is p2, not pub/,
    ],
    ['if the publication was altered', { publication: { ...PUBLICATION, xmin: '701' } }, /publication pub was altered/],
    [
      'if the table was created again',
      { members: [member(['31'], { classOid: '21' })] },
      /table public.session was created again/,
    ],
    [
      'if there is no table any more',
      { members: [member([], { classOid: null })] },
      /no table public.session any more/,
    ],
    [
      'if the table is out of the publication',
      { members: [member([])] },
      /public.session was not always in publication pub/,
    ],
    [
      'if the table was out of the publication',
      { members: [member(['31'])] },
      /public.session was not always in publication pub/,
    ],
  ])('%s', (_, seen, reason) => {
    expect(changes(seen)).toEqual([expect.stringMatching(reason)]);
  });

  it('if a slot, a table or a publication was missing at the look before', () => {
    expect(changes({}, { slot: null })).toEqual(['replication slot conn was missing until now']);
    expect(changes({}, { members: [member([])] })).toEqual([expect.stringMatching(/not always in publication/)]);
    expect(changes({}, { publication: null, members: [member([])] })).toEqual([
      expect.stringMatching(/publication pub was missing until now/),
    ]);
  });

  it('if a source was created again while it was not enabled', () => {
    const disabled = nextEvidence(STORED, { ...STORED, members: [] });
    expect(breakOf(disabled, { ...STORED, members: [member(['31'])] })).toEqual([expect.stringMatching(/session/)]);
  });

  it('is described with what changed, when, and the fix', () => {
    const found = { changes: ['a', 'b'], lastIntactAt: 0n, foundAt: 60_000_000n };
    expect(describeBreak(found)).toBe(
      'changes may not have been captured between 1970-01-01T00:00:00.000000Z, when capture was last intact, and ' +
        '1970-01-01T00:01:00.000000Z: a; b: run `lastseen audit --repair`',
    );
  });
});
