import { describe, expect, it } from 'vitest';
import type { Source } from '../../src/activity/source.ts';
import * as capture from '../../src/doctor/capture-findings.ts';
import { committedOffset, connectors } from '../../src/doctor/connector-findings.ts';
import * as kafka from '../../src/doctor/kafka-findings.ts';
import * as postgres from '../../src/doctor/postgres-findings.ts';
import * as work from '../../src/doctor/work-findings.ts';
import type { SourceReport } from '../../src/freshness/report.ts';
import type { AuditRun } from '../../src/history/audit-runs-store.ts';
import type { SweepRun } from '../../src/history/sweep-runs-store.ts';
import type { TopicSpec } from '../../src/kafka/admin/admin.ts';

const FACTS = { versionNumber: 180_004, version: '18.4', role: 'r', isStandby: false, walLevel: 'logical' };

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
    ['applied migrations', 'ok', postgres.migrations({ applied: ['1', '2'], known: ['1', '2'] }, [])],
    ['a pending migration', 'failed', postgres.migrations({ applied: ['1'], known: ['1', '2'] }, [])],
    ['a migration of a newer release', 'warning', postgres.migrations({ applied: ['1', '2'], known: ['1'] }, [])],
    ['a missing own table', 'failed', postgres.migrations({ applied: ['1'], known: ['1'] }, ['lastseen.episode'])],
    ['readable own tables', 'ok', postgres.ownTables('r', [])],
    ['an unreadable own table', 'warning', postgres.ownTables('r', ['episode'])],
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
const OURS = {
  topicPrefix: 'p',
  slot: 's',
  publication: 's',
  topics: new Map([['p.public.session', 'session'] as const]),
};
const CONFIGURED = { topicPrefix: 'p', slotName: 's', publicationName: 's', filters: {} };
const PROVEN_BY_SLOT = { slot: 's', proof: 'slot' } as const;
const NAMES = {
  database: 'd',
  slots: [{ name: 's', database: 'd' }],
  publications: [{ name: 'p', sources: ['session' as const] }],
  recorded: undefined,
  topics: [],
};
const MOVES = { hasHeartbeat: true, confirmsToSlot: true };
const OFFSET = { connector: 'c', state: 'RUNNING', hasTasks: true, isSnapshot: false, lsn: 5n, newestAt: 0n };
const SECOND = 1_000_000n;
const part = (state: string, trace?: string) => ({ part: 'task 0 of c', state, trace });
const connectorWith = (...tasks: ReturnType<typeof part>[]) =>
  connectors([{ ...CONFIGURED, ...MOVES, name: 'c', parts: [part('RUNNING'), ...tasks] }], OURS).at(-1);

const CAPTURED = {
  tables: ['public.session'],
  missingOperations: [],
  missingPartitions: [],
  rowFilters: [],
  hiddenColumns: [],
};
const CAPTURES = new Map([['session', CAPTURED] as const]);
const hintFor = (changes: Partial<typeof CAPTURED>) => {
  const [finding] = capture.publication('p', new Map([['session', { ...CAPTURED, ...changes }]]), ['session'], NAMES);
  return finding?.status === 'failed' ? finding.hint : finding?.message;
};

describe('findings about change capture', () => {
  it.each<[string, Partial<Record<keyof typeof CAPTURED, string[]>>, RegExp]>([
    [
      'an unpublished table',
      { tables: [], missingPartitions: ['public.session'] },
      /^ALTER PUBLICATION p ADD TABLE public.session;/,
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
    [
      'missing operations',
      { missingOperations: ['update'] },
      /^ALTER PUBLICATION p SET \(publish = \$\$insert, update, delete, truncate\$\$\);/,
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

  it('say whether the names exist, or only are not known to be wrong', () => {
    const existing = { ...NAMES, topics: [...OURS.topics.keys()] };
    const messageOf = (names: Parameters<typeof capture.rightNames>[1]) =>
      capture.rightNames({ ...OURS, publication: 'p' }, names).message;
    expect(messageOf(existing)).toBe('topics, slot and publication are those that exist');
    for (const missing of [{ topics: [] }, { slots: [] }, { publications: [] }])
      expect(messageOf({ ...existing, ...missing })).toMatch(/^nothing that exists contradicts/);
  });

  it('say that the connector may not read a table, with the grant', () => {
    expect(capture.snapshotRights(undefined)).toEqual([]);
    expect(capture.snapshotRights({ role: 'dbz', tables: ['public.attempt', 'public.session'] })).toMatchObject([
      {
        status: 'warning',
        message: 'role dbz of the connector may not read public.attempt, public.session: a snapshot would fail',
        remedy: { command: `psql "$ADMIN_DATABASE_URL" -c 'GRANT SELECT ON public.attempt, public.session TO dbz'` },
      },
    ]);
  });

  it.each([
    ['an active slot', 'ok', capture.slot(PROVEN_BY_SLOT, SLOT, NAMES)],
    ['a missing slot', 'failed', capture.slot(PROVEN_BY_SLOT, undefined, NAMES)],
    ['an inactive slot', 'failed', capture.slot(PROVEN_BY_SLOT, { ...SLOT, active: false }, NAMES)],
    ['a slot that lost changes', 'failed', capture.slot(PROVEN_BY_SLOT, { ...SLOT, walStatus: 'lost' }, NAMES)],
    [
      'a slot whose WAL is unreserved',
      'warning',
      capture.slot(PROVEN_BY_SLOT, { ...SLOT, walStatus: 'unreserved' }, NAMES),
    ],
    ['a slot that is far behind', 'warning', capture.slot(PROVEN_BY_SLOT, { ...SLOT, behindBytes: 1n << 40n }, NAMES)],
    ['a complete publication', 'ok', capture.publication('p', CAPTURES, ['session'], NAMES)[0]],
    ['continuous capture', 'ok', capture.continuity([])[0]],
    ['an open break of capture', 'failed', capture.continuity([{ changes: ['c'], lastIntactAt: 0n, foundAt: 1n }])[0]],
    ['a publication without a table', 'failed', capture.publication('p', CAPTURES, ['session', 'attempt'], NAMES)[0]],
    [
      'an invalidated slot',
      'failed',
      capture.slot(PROVEN_BY_SLOT, { ...SLOT, invalidationReason: 'wal_removed' }, NAMES),
    ],
    ['a slot that no standby keeps', 'warning', capture.slot(PROVEN_BY_SLOT, { ...SLOT, hasStandby: true }, NAMES)],
    [
      'a slot that standbys keep',
      'ok',
      capture.slot(PROVEN_BY_SLOT, { ...SLOT, hasStandby: true, failover: true }, NAMES),
    ],
    [
      'a slot before Postgres 17',
      'ok',
      capture.slot(PROVEN_BY_SLOT, { ...SLOT, hasStandby: true, failover: null }, NAMES),
    ],
    ['a recent committed offset', 'ok', committedOffset(OFFSET, 60n * SECOND)],
    ['an old committed offset', 'warning', committedOffset(OFFSET, 301n * SECOND)],
    ['the offset of a snapshot', 'warning', committedOffset({ ...OFFSET, isSnapshot: true }, 0n)],
    ['no committed offset', 'warning', committedOffset({ ...OFFSET, lsn: undefined, newestAt: undefined }, 0n)],
    ['the offset of a stopped connector', 'warning', committedOffset({ ...OFFSET, state: 'STOPPED' }, 0n)],
    ['a running connector', 'ok', connectorWith(part('RUNNING'))],
    ['a failed task', 'failed', connectorWith(part('FAILED', 'why'))],
    ['a paused task', 'warning', connectorWith(part('PAUSED'))],
    ['a connector without a task', 'failed', connectorWith()],
    ['no connector of ours', 'failed', connectors([], OURS)[0]],
  ] as const)('report %s as %s', (_, status, finding) => {
    expect(finding?.status).toBe(status);
  });

  it('name a connector whose slot does not move', () => {
    const settings = { ...CONFIGURED, name: 'c', parts: [part('RUNNING'), part('RUNNING')] };
    const warnings = (moves: typeof MOVES) =>
      connectors([{ ...settings, ...moves }], OURS).filter(({ status }) => status === 'warning');
    expect(warnings(MOVES)).toEqual([]);
    expect(warnings({ ...MOVES, hasHeartbeat: false })).toMatchObject([
      { message: expect.stringContaining('connector c has no heartbeat.action.query') },
    ]);
    expect(warnings({ ...MOVES, confirmsToSlot: false })).toMatchObject([
      { message: expect.stringContaining('does not confirm positions to its slot') },
    ]);
  });

  it('report up to when each source is proven, and once what several sources lack', () => {
    const behind = { kind: 'behind', missing: ['slot s has not passed'] } as const;
    const broken = { kind: 'broken', missing: ['attempt: topic recreated'] } as const;
    const proven = { kind: 'proven', until: NOW, records: 7n } as const;
    const of = (source: Source, proof: SourceReport['proof']) => ({ source, topic: `t.${source}`, proof });
    const sources = [of('session', behind), of('attempt', broken), of('exam_results', proven)];
    const findings = capture.sourcesFresh({ asOf: 0n, sources: [...sources, of('features_topic_daily', behind)] });
    expect(findings).toMatchObject([
      {
        status: 'ok',
        message:
          'exam_results: all 7 records of t.exam_results are applied, proven up to Sat 11 Apr 1970, 00:00:00 UTC',
      },
      { status: 'warning', message: 'session, features_topic_daily: slot s has not passed' },
      { status: 'failed', message: 'attempt: topic recreated' },
    ]);
  });

  it('name the slots and publications that exist, and alter none that does not', () => {
    const none = { ...NAMES, slots: [], publications: [] };
    expect(capture.slot({ ...PROVEN_BY_SLOT, slot: 'x' }, undefined, NAMES).message).toMatch(/it has s$/);
    expect(capture.slot(PROVEN_BY_SLOT, undefined, none)).toMatchObject({ status: 'failed' });
    expect(capture.slot({ slot: 's', proof: 'connect' }, undefined, none)).toMatchObject({ status: 'skipped' });
    const [missing] = capture.publication('x', new Map(), ['session'], NAMES);
    expect(missing?.message).toMatch(/it has p \(session\)$/);
    expect(JSON.stringify(missing)).not.toMatch(/ALTER|remedy/);
    const [unlisted, ...others] = capture.publication('p', CAPTURES, ['session', 'attempt', 'exam_results'], NAMES);
    expect(unlisted).toMatchObject({
      remedy: {
        command: `psql "$ADMIN_DATABASE_URL" -c 'ALTER PUBLICATION p ADD TABLE public.attempt, public.exam_results'`,
      },
    });
    expect(others).toMatchObject([{ status: 'ok' }]);
  });

  it('name a connector that is configured with other names', () => {
    const running = { ...MOVES, name: 'c', parts: [part('RUNNING'), part('RUNNING')] };
    const remedies = (changes: Partial<typeof CONFIGURED>) =>
      connectors([{ ...CONFIGURED, ...running, ...changes }], OURS).flatMap((each) =>
        'remedy' in each ? [each.remedy] : [],
      );
    expect(remedies({})).toEqual([]);
    expect(remedies({ topicPrefix: 'q' })).toEqual([{ setting: 'TOPIC_PREFIX', value: 'q' }]);
    expect(remedies({ slotName: 'q' })).toEqual([{ setting: 'REPLICATION_SLOT', value: 'q' }]);
    expect(remedies({ publicationName: 'q' })).toEqual([{ setting: 'PUBLICATION', value: 'q' }]);
  });
});

const SPEC: TopicSpec = { topic: 't', partitions: 4, replication: 1, owner: 'lastseen', config: {} };
const TOPIC = { topic: 't', partitions: 4, replication: 1, config: new Map() };
const SCHEMA = { subject: 's', registeredId: undefined, incompatibilities: [] };
const NOW = 100n * 86_400_000_000n;
const AUDIT = { status: 'clean', started_at: NOW, failure: 'a', drifting: 2n } as AuditRun;
const KNOWN: kafka.MissingTopics = { isPrefixConfirmed: true, topicPrefix: 'p', ownPrefix: 'lastsen', allTopics: [] };
const END = { topic: 't', partition: 0, nextOffset: 9n };
const GAP = { topic: 't', partition: 0, kind: 'lost', fromOffset: 1n, toOffset: 3n } as const;
const RUN = { status: 'completed', started_at: NOW, failure: 'a\nb' } as SweepRun;

/** One member that reads these topics; none without topics. */
const groupReading = (...topics: string[]) => ({
  group: 'lastseen-track',
  state: topics.length === 0 ? 'Empty' : 'Stable',
  members: topics.length === 0 ? 0 : 1,
  subscriptions: topics.length === 0 ? [] : [{ member: 'lastseen at /10.0.0.1', topics }],
});

const groupFinding = (found: ReturnType<typeof groupReading>, topics: readonly string[]) =>
  kafka.group('track', found, 7n, topics, 'OWN_PREFIX');

describe('findings about consumer groups', () => {
  it('say that a group does not exist yet', () => {
    expect(groupFinding({ ...groupReading(), state: 'Dead' }, ['t'])).toMatchObject({
      status: 'warning',
      message: 'group lastseen-track does not exist yet, 7 records behind: no process reads',
    });
  });

  it.each([
    ['OWN_PREFIX', 'it belongs to another installation: set OWN_PREFIX to another value than there'],
    ['KAFKA_GROUP_ID', 'it belongs to another command or installation: set KAFKA_GROUP_ID to another value than there'],
  ] as const)('name %s if it names a shared group', (setting, hint) => {
    expect(kafka.group('track', groupReading('t'), 7n, ['u'], setting)).toMatchObject({
      status: 'failed',
      hint,
      remedy: { setting },
    });
  });
});

describe('findings about the work of lastseen', () => {
  it.each([
    ['a missing topic', 'failed', kafka.topics([SPEC], [], KNOWN)[0]],
    ['a topic as specified', 'ok', kafka.topics([SPEC], [TOPIC], KNOWN)[0]],
    ['a topic with too few partitions', 'warning', kafka.topics([SPEC], [{ ...TOPIC, partitions: 1 }], KNOWN)[0]],
    ['a registered schema', 'ok', kafka.schemas([{ ...SCHEMA, registeredId: 1 }])[0]],
    ['an unregistered schema', 'failed', kafka.schemas([SCHEMA])[0]],
    ['an incompatible schema', 'failed', kafka.schemas([{ ...SCHEMA, incompatibilities: ['x'] }])[0]],
    ['a group with members', 'ok', groupFinding(groupReading('t', 'u'), ['u', 't'])],
    ['a group with a member of other topics', 'failed', groupFinding(groupReading('t'), ['t', 'u'])],
    ['a group without members', 'warning', groupFinding(groupReading(), ['t'])],
    ['records that no transaction hides', 'ok', kafka.hiddenRecords([{ ...END, stableOffset: 9n }])[0]],
    ['records that a transaction hides', 'warning', kafka.hiddenRecords([{ ...END, stableOffset: 3n }])[0]],
    ['no gap', 'ok', work.gaps([])[0]],
    ['a gap', 'failed', work.gaps([GAP])[0]],
    ['no open letter', 'ok', work.openLetters([], 0)[0]],
    ['open letters', 'warning', work.openLetters([{ topic: 't', letters: 3n, unreadable: 1n }], 1)[0]],
    ['unreadable letters', 'failed', work.openLetters([{ topic: 't', letters: 3n, unreadable: 1n }], 0)[0]],
    ['letters that were sent back', 'ok', work.recomputeLetters('t', 3n, 3n)],
    ['letters that were not sent back', 'warning', work.recomputeLetters('t', 3n, 2n)],
    ['an empty outbox', 'ok', work.outbox('o', { waiting: 0n, oldestSeconds: 0 })],
    ['events that have waited for seconds', 'ok', work.outbox('o', { waiting: 5n, oldestSeconds: 3 })],
    ['events that have waited for minutes', 'warning', work.outbox('o', { waiting: 5n, oldestSeconds: 301 })],
    ['no sweep', 'warning', work.lastSweep(undefined, NOW)],
    ['a completed sweep of today', 'ok', work.lastSweep(RUN, NOW)],
    ['a sweep of yesterday', 'warning', work.lastSweep({ ...RUN, started_at: NOW - 90_001_000_000n }, NOW)],
    ['a held sweep', 'warning', work.lastSweep({ ...RUN, status: 'held' }, NOW)],
    ['a failed sweep', 'warning', work.lastSweep({ ...RUN, status: 'failed' }, NOW)],
    ['no audit', 'warning', work.lastAudit(undefined, NOW)],
    ['a clean audit of today', 'ok', work.lastAudit(AUDIT, NOW)],
    ['a clean audit of last week', 'warning', work.lastAudit({ ...AUDIT, started_at: 0n }, NOW)],
    ['an audit that found drift', 'failed', work.lastAudit({ ...AUDIT, status: 'drift' }, NOW)],
    ['a failed audit', 'warning', work.lastAudit({ ...AUDIT, status: 'failed' }, NOW)],
  ] as const)('report %s as %s', (_, status, finding) => {
    expect(finding?.status).toBe(status);
  });

  it('advise to create topics only if their prefix is known to be right', () => {
    const source: TopicSpec = { ...SPEC, topic: 'p.public.session', owner: 'connector' };
    const remedies = (specs: readonly TopicSpec[], known: Partial<typeof KNOWN>) =>
      kafka.topics(specs, [], { ...KNOWN, ...known }).map((each) => ('remedy' in each ? each.remedy : undefined));
    const create = { command: 'lastseen topics' };
    expect(remedies([source, SPEC], {})).toEqual([create, create]);
    expect(remedies([source, SPEC], { isPrefixConfirmed: false })).toEqual([undefined, undefined]);
    expect(remedies([SPEC], { isPrefixConfirmed: false })).toEqual([create]);
    const [other] = kafka.topics([source], [], {
      ...KNOWN,
      isPrefixConfirmed: false,
      allTopics: ['x.public.session'],
    });
    expect(other?.message).toContain('topics x.public.… exist');
  });

  it('name the other own prefixes that have topics', () => {
    const allTopics = [
      'lastseen.inactivity.v1',
      'second.inactivity.v1',
      'second.track.dlq.v1',
      'lastsen.inactivity.v1',
    ];
    const [missing] = kafka.topics([SPEC], [], { ...KNOWN, allTopics });
    expect(missing).toMatchObject({
      remedy: { setting: 'OWN_PREFIX' },
      message: expect.stringMatching(/OWN_PREFIX=lastseen, OWN_PREFIX=second exist$/),
    });
  });
});
