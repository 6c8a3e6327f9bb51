import { describe, expect, it } from 'vitest';
import * as capture from '../../src/doctor/capture-findings.ts';
import { committedOffset } from '../../src/doctor/connector-findings.ts';
import * as postgres from '../../src/doctor/postgres-findings.ts';
import * as work from '../../src/doctor/work-findings.ts';
import type { SweepRun } from '../../src/history/sweep-runs-store.ts';
import type { TopicSpec } from '../../src/kafka/admin/admin.ts';

const FACTS = { versionNumber: 180_004, version: '18.4', role: 'r', isStandby: false, walLevel: 'logical' };
const TABLE = {
  source: 'session',
  exists: true,
  missing: [],
  unreadable: [],
  learnerType: 'text',
  hasLearnerIndex: true,
} as const;

describe('findings about Postgres', () => {
  it.each([
    ['Postgres 15 or newer', 'ok', postgres.version(FACTS)],
    ['an older Postgres', 'failed', postgres.version({ ...FACTS, versionNumber: 140_009 })],
    ['wal_level logical', 'ok', postgres.walLevel(FACTS, false)],
    ['wal_level replica', 'failed', postgres.walLevel({ ...FACTS, walLevel: 'replica' }, false)],
    ['a standby', 'warning', postgres.walLevel({ ...FACTS, isStandby: true }, false)],
    ['a standby of the server of own tables', 'ok', postgres.walLevel({ ...FACTS, isStandby: true }, true)],
    ['clocks that agree', 'ok', postgres.clock(10_000_000n, 9_000_000n, 9_100_000n)],
    ['a server clock that is behind', 'warning', postgres.clock(1_000_000n, 9_000_000n, 9_100_000n)],
    ['a server clock that is ahead', 'warning', postgres.clock(20_000_000n, 9_000_000n, 9_100_000n)],
    ['a slow answer that explains the difference', 'ok', postgres.clock(1_000_000n, 0n, 20_000_000n)],
    ['applied migrations', 'ok', postgres.migrations({ applied: ['1', '2'], known: ['1', '2'] })],
    ['a pending migration', 'failed', postgres.migrations({ applied: ['1'], known: ['1', '2'] })],
    ['a migration of a newer release', 'warning', postgres.migrations({ applied: ['1', '2'], known: ['1'] })],
    ['readable own tables', 'ok', postgres.ownTables('r', [])],
    ['an unreadable own table', 'warning', postgres.ownTables('r', ['episode'])],
    ['a complete source table', 'ok', postgres.sourceTable(TABLE)],
    ['padded user ids', 'ok', postgres.sourceTable({ ...TABLE, learnerType: 'character' })],
    ['user ids of type uuid', 'warning', postgres.sourceTable({ ...TABLE, learnerType: 'uuid' })],
    ['no index of the learner', 'warning', postgres.sourceTable({ ...TABLE, hasLearnerIndex: false })],
    ['user ids that are numbers', 'failed', postgres.sourceTable({ ...TABLE, learnerType: 'bigint' })],
    ['student ids of type text', 'warning', postgres.sourceTable({ ...TABLE, source: 'attempt' })],
    ['a missing source table', 'failed', postgres.sourceTable({ ...TABLE, exists: false })],
    ['a missing column', 'failed', postgres.sourceTable({ ...TABLE, missing: ['c'] })],
    ['an unreadable column', 'failed', postgres.sourceTable({ ...TABLE, unreadable: ['c'] })],
  ] as const)('report %s as %s', (_, status, finding) => {
    expect(finding.status).toBe(status);
  });
});

const SLOT = {
  active: true,
  walStatus: 'reserved',
  behindBytes: 5n,
  invalidationReason: null,
  failover: false,
  hasStandby: false,
};
const OURS = { topicPrefix: 'p', slotName: 's', filters: {} };
const MOVES = { hasHeartbeat: true, confirmsToSlot: true };
const OFFSET = { connector: 'c', state: 'RUNNING', hasTasks: true, isSnapshot: false, lsn: 5n, newestAt: 0n };
const SECOND = 1_000_000n;
const part = (state: string, trace?: string) => ({ part: 'task 0 of c', state, trace });
const connectorWith = (...tasks: ReturnType<typeof part>[]) =>
  capture.connectors([{ ...OURS, ...MOVES, name: 'c', parts: [part('RUNNING'), ...tasks] }], OURS).at(-1);

const CAPTURED = { tables: ['public.session'], missingPartitions: [], rowFilters: [], hiddenColumns: [] };
const CAPTURES = new Map([['session', CAPTURED] as const]);
const hintFor = (changes: Partial<typeof CAPTURED>) => {
  const [finding] = capture.publication('p', new Map([['session', { ...CAPTURED, ...changes }]]), ['session']);
  return finding?.status === 'failed' ? finding.hint : finding?.message;
};

describe('findings about change capture', () => {
  it.each<[string, Partial<Record<keyof typeof CAPTURED, string[]>>, RegExp]>([
    [
      'an unpublished table',
      { tables: [], missingPartitions: ['public.session'] },
      /^ALTER PUBLICATION p ADD TABLE session;/,
    ],
    [
      'an unpublished partitioned table',
      { tables: [], missingPartitions: ['public.session_1'] },
      /publish_via_partition_root = true.* or join the topics of its partitions by a router/,
    ],
    [
      'a missing partition',
      { tables: ['public.session_1'], missingPartitions: ['public.session_2'] },
      /^ALTER PUBLICATION p ADD TABLE public.session_2;/,
    ],
    ['a row filter', { rowFilters: ['public.session WHERE (org_id = 1)'] }, /without a row filter/],
    [
      'partitions that are all published',
      { tables: ['public.session_1', 'public.session_2'] },
      /a router .* must join/,
    ],
  ])('advise what fits %s', (_, changes, advice) => {
    expect(hintFor(changes as Partial<typeof CAPTURED>)).toMatch(advice);
  });

  it.each([
    ['an active slot', 'ok', capture.slot('s', SLOT)],
    ['a missing slot', 'failed', capture.slot('s', undefined)],
    ['an inactive slot', 'failed', capture.slot('s', { ...SLOT, active: false })],
    ['a slot that lost changes', 'failed', capture.slot('s', { ...SLOT, walStatus: 'lost' })],
    ['a slot whose WAL is unreserved', 'warning', capture.slot('s', { ...SLOT, walStatus: 'unreserved' })],
    ['a slot that is far behind', 'warning', capture.slot('s', { ...SLOT, behindBytes: 1n << 40n })],
    ['a complete publication', 'ok', capture.publication('p', CAPTURES, ['session'])[0]],
    ['continuous capture', 'ok', capture.continuity([])[0]],
    ['an open break of capture', 'failed', capture.continuity([{ changes: ['c'], lastIntactAt: 0n, foundAt: 1n }])[0]],
    ['a publication without a table', 'failed', capture.publication('p', CAPTURES, ['session', 'attempt'])[1]],
    ['an invalidated slot', 'failed', capture.slot('s', { ...SLOT, invalidationReason: 'wal_removed' })],
    ['a slot that no standby keeps', 'warning', capture.slot('s', { ...SLOT, hasStandby: true })],
    ['a slot that standbys keep', 'ok', capture.slot('s', { ...SLOT, hasStandby: true, failover: true })],
    ['a slot before Postgres 17', 'ok', capture.slot('s', { ...SLOT, hasStandby: true, failover: null })],
    ['a recent committed offset', 'ok', committedOffset(OFFSET, 60n * SECOND)],
    ['an old committed offset', 'warning', committedOffset(OFFSET, 301n * SECOND)],
    ['the offset of a snapshot', 'warning', committedOffset({ ...OFFSET, isSnapshot: true }, 0n)],
    ['no committed offset', 'warning', committedOffset({ ...OFFSET, lsn: undefined, newestAt: undefined }, 0n)],
    ['the offset of a stopped connector', 'warning', committedOffset({ ...OFFSET, state: 'STOPPED' }, 0n)],
    ['a running connector', 'ok', connectorWith(part('RUNNING'))],
    ['a failed task', 'failed', connectorWith(part('FAILED', 'why'))],
    ['a paused task', 'warning', connectorWith(part('PAUSED'))],
    ['a connector without a task', 'failed', connectorWith()],
    ['no connector of ours', 'failed', capture.connectors([], OURS)[0]],
  ] as const)('report %s as %s', (_, status, finding) => {
    expect(finding?.status).toBe(status);
  });

  it('name a connector whose slot does not move', () => {
    const settings = { ...OURS, name: 'c', parts: [part('RUNNING'), part('RUNNING')] };
    const warnings = (moves: typeof MOVES) =>
      capture.connectors([{ ...settings, ...moves }], OURS).filter(({ status }) => status === 'warning');
    expect(warnings(MOVES)).toEqual([]);
    expect(warnings({ ...MOVES, hasHeartbeat: false })).toMatchObject([
      { message: expect.stringContaining('connector c has no heartbeat.action.query') },
    ]);
    expect(warnings({ ...MOVES, confirmsToSlot: false })).toMatchObject([
      { message: expect.stringContaining('does not confirm positions to its slot') },
    ]);
  });

  it('report per source up to when it is proven, or what is missing', () => {
    const behind = { kind: 'behind', missing: ['slot s has not passed', 'session: 3 records behind'] } as const;
    const broken = { kind: 'broken', missing: ['attempt: topic recreated'] } as const;
    const proven = { kind: 'proven', until: NOW, records: 7n } as const;
    const sources = (['session', 'attempt', 'exam_results'] as const).map((source, index) => ({
      source,
      topic: `t.${source}`,
      proof: [behind, broken, proven][index] ?? proven,
    }));
    expect(capture.sourcesFresh({ asOf: 0n, sources })).toMatchObject([
      { status: 'warning', message: 'session: slot s has not passed; 3 records behind' },
      { status: 'failed', message: 'attempt: topic recreated' },
      {
        status: 'ok',
        message:
          'exam_results: all 7 records of t.exam_results are applied, proven up to Sat 11 Apr 1970, 00:00:00 UTC',
      },
    ]);
  });
});

const SPEC: TopicSpec = { topic: 't', partitions: 4, replication: 1, owner: 'lastseen', config: {} };
const TOPIC = { topic: 't', partitions: 4, replication: 1, config: new Map() };
const SCHEMA = { subject: 's', registeredId: undefined, incompatibilities: [] };
const NOW = 100n * 86_400_000_000n;
const RUN = { status: 'completed', started_at: NOW, failure: 'a\nb' } as SweepRun;

/** One member that reads these topics; none without topics. */
const groupReading = (...topics: string[]) => ({
  group: 'lastseen-track',
  state: topics.length === 0 ? 'Empty' : 'Stable',
  members: topics.length === 0 ? 0 : 1,
  subscriptions: topics.length === 0 ? [] : [{ member: 'lastseen at /10.0.0.1', topics }],
});

describe('findings about the work of lastseen', () => {
  it.each([
    ['a missing topic', 'failed', work.topic(SPEC, undefined)],
    ['a topic as specified', 'ok', work.topic(SPEC, TOPIC)],
    ['a topic with too few partitions', 'warning', work.topic(SPEC, { ...TOPIC, partitions: 1 })],
    ['a registered schema', 'ok', work.schema({ ...SCHEMA, registeredId: 1 })],
    ['an unregistered schema', 'failed', work.schema(SCHEMA)],
    ['an incompatible schema', 'failed', work.schema({ ...SCHEMA, incompatibilities: ['x'] })],
    ['a group with members', 'ok', work.group('track', groupReading('t', 'u'), 7n, ['u', 't'])],
    ['a group with a member of other topics', 'failed', work.group('track', groupReading('t'), 7n, ['t', 'u'])],
    ['a group without members', 'warning', work.group('track', groupReading(), 0n, ['t'])],
    ['an empty topic of dead letters', 'ok', work.deadLetters('t', 0n)],
    ['a missing topic of dead letters', 'skipped', work.deadLetters('t', undefined)],
    ['dead letters', 'warning', work.deadLetters('t', 3n)],
    ['an empty outbox', 'ok', work.outbox('o', { waiting: 0n, oldestSeconds: 0 })],
    ['events that have waited for seconds', 'ok', work.outbox('o', { waiting: 5n, oldestSeconds: 3 })],
    ['events that have waited for minutes', 'warning', work.outbox('o', { waiting: 5n, oldestSeconds: 301 })],
    ['no sweep', 'warning', work.lastSweep(undefined, NOW)],
    ['a completed sweep of today', 'ok', work.lastSweep(RUN, NOW)],
    ['a sweep of yesterday', 'warning', work.lastSweep({ ...RUN, started_at: NOW - 90_001_000_000n }, NOW)],
    ['a held sweep', 'warning', work.lastSweep({ ...RUN, status: 'held' }, NOW)],
    ['a failed sweep', 'warning', work.lastSweep({ ...RUN, status: 'failed' }, NOW)],
  ] as const)('report %s as %s', (_, status, finding) => {
    expect(finding.status).toBe(status);
  });
});
