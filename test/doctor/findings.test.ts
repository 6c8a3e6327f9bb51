import { describe, expect, it } from 'vitest';
import * as capture from '../../src/doctor/capture.ts';
import * as delivery from '../../src/doctor/delivery.ts';
import { type Check, examine, type Finding, failed, ok, skipped } from '../../src/doctor/examine.ts';
import * as server from '../../src/doctor/server.ts';
import type { SweepRun } from '../../src/history/sweep-runs-store.ts';
import type { TopicSpec } from '../../src/kafka/admin/admin.ts';

const check = (name: string, needs: readonly string[], look: () => Promise<readonly Finding[]>): Check => ({
  name,
  needs,
  mend: `mend ${name}`,
  look,
});
const passes = async () => [ok('fine')];

describe('checks', () => {
  it('each come to a finding of their own, in order, whatever the others come to', async () => {
    const examined = await examine(
      [
        check('throws', [], () => Promise.reject(new Error('no\nluck'))),
        check('hangs', [], () => new Promise(() => {})),
        check('passes', [], passes),
      ],
      20,
    );
    expect(examined).toEqual([
      { check: 'throws', findings: [failed('no; luck', 'mend throws')] },
      { check: 'hangs', findings: [failed('no answer within 0.02 s', 'mend hangs')] },
      { check: 'passes', findings: [ok('fine')] },
    ]);
  });

  it('are skipped, and say why, where what they need failed or was skipped itself', async () => {
    const examined = await examine(
      [
        check('server', [], () => Promise.reject(new Error('gone'))),
        check('table', ['server'], passes),
        check('row', ['table'], passes),
      ],
      1_000,
    );
    expect(examined.slice(1)).toEqual([
      { check: 'table', findings: [skipped('server failed')] },
      { check: 'row', findings: [skipped('table was skipped')] },
    ]);
  });

  it('quote nothing of a value that an error stumbled over', async () => {
    const [examined] = await examine([check('json', [], async () => JSON.parse('canary'))], 1_000);
    expect(JSON.stringify(examined)).not.toContain('canary');
  });
});

const FACTS = { versionNumber: 180_004, version: '18.4', role: 'r', isStandby: false, walLevel: 'logical' };

describe('of Postgres', () => {
  it.each([
    ['the version is 15 or newer', server.version(FACTS), 'ok'],
    ['the version is older', server.version({ ...FACTS, versionNumber: 140_009 }), 'failed'],
    ['WAL is logical', server.walLevel(FACTS), 'ok'],
    ['WAL is not', server.walLevel({ ...FACTS, walLevel: 'replica' }), 'failed'],
    ['it is a standby', server.walLevel({ ...FACTS, isStandby: true }), 'warning'],
    ['clocks agree', server.clock(10_000_000n, 9_000_000n, 9_100_000n), 'ok'],
    ['its clock is behind', server.clock(1_000_000n, 9_000_000n, 9_100_000n), 'warning'],
    ['its clock is ahead', server.clock(20_000_000n, 9_000_000n, 9_100_000n), 'warning'],
    ['a slow answer is no other clock', server.clock(1_000_000n, 0n, 20_000_000n), 'ok'],
    ['all is migrated', server.migrations({ applied: ['1', '2'], known: ['1', '2'] }), 'ok'],
    ['something is not', server.migrations({ applied: ['1'], known: ['1', '2'] }), 'failed'],
    ['a newer release was there', server.migrations({ applied: ['1', '2'], known: ['1'] }), 'warning'],
    ['all may be read', server.ownTables('r', []), 'ok'],
    ['something may not be read', server.ownTables('r', ['episode']), 'warning'],
    ['a table is not there', server.sourceTable({ table: 't', exists: false, missing: [], unreadable: [] }), 'failed'],
    [
      'a column is not there',
      server.sourceTable({ table: 't', exists: true, missing: ['c'], unreadable: [] }),
      'failed',
    ],
    ['a column is hidden', server.sourceTable({ table: 't', exists: true, missing: [], unreadable: ['c'] }), 'failed'],
  ] as const)('where %s', (_, finding, status) => {
    expect(finding.status).toBe(status);
  });
});

const SLOT = { active: true, walStatus: 'reserved', behindBytes: 5n };
const CONNECTOR = { name: 'c', topicPrefix: 'p', slotName: 's' };
const part = (state: string, trace?: string) => ({ part: 'task 0 of c', state, trace });
const connectors = (...parts: ReturnType<typeof part>[]) =>
  capture
    .connectors([{ ...CONNECTOR, parts: [part('RUNNING'), ...parts] }], { topicPrefix: 'p', slotName: 's' })
    .at(-1);

describe('of the capture', () => {
  it.each([
    ['the slot is read', capture.slot('s', SLOT), 'ok'],
    ['there is no slot', capture.slot('s', undefined), 'failed'],
    ['nobody reads the slot', capture.slot('s', { ...SLOT, active: false }), 'failed'],
    ['the slot has lost changes', capture.slot('s', { ...SLOT, walStatus: 'lost' }), 'failed'],
    ['it is about to', capture.slot('s', { ...SLOT, walStatus: 'unreserved' }), 'warning'],
    ['it is far behind', capture.slot('s', { ...SLOT, behindBytes: 1n << 40n }), 'warning'],
    ['all is published', capture.publication('p', new Set(['session']), ['session']), 'ok'],
    ['something is not', capture.publication('p', new Set(['session']), ['session', 'attempt']), 'failed'],
    ['the connector runs', connectors(part('RUNNING')), 'ok'],
    ['its task failed', connectors(part('FAILED', 'why')), 'failed'],
    ['it is paused', connectors(part('PAUSED')), 'warning'],
    ['it has no task', connectors(), 'failed'],
    ['there is another alone', capture.connectors([], { topicPrefix: 'p', slotName: 's' })[0], 'failed'],
  ] as const)('where %s', (_, finding, status) => {
    expect(finding?.status).toBe(status);
  });

  it('judges each source by itself, and by how far its topic is applied alone', () => {
    const source = (name: 'session' | 'attempt', applied: bigint | undefined, end = 5n) => ({
      source: name,
      topic: `t.${name}`,
      published: true,
      hasRows: true,
      partitions: [{ partition: 0, end, applied, appliedBefore: applied }],
      gaps: [],
      at: 0n,
      history: [],
    });
    const slot = { name: 's', kind: 'behind', bytes: 9n } as const;
    const statuses = (...sources: ReturnType<typeof source>[]) =>
      capture.sourcesFresh({ slot, publication: 'p', sources }).map(({ status }) => status);
    expect(statuses(source('session', 5n), source('attempt', 4n))).toEqual(['ok', 'warning']);
    expect(statuses(source('session', 6n), source('attempt', undefined, 0n))).toEqual(['failed', 'failed']);
  });
});

const SPEC: TopicSpec = { topic: 't', partitions: 4, replication: 1, owner: 'lastseen', config: {} };
const NOW = 100n * 86_400_000_000n;
const run = (change: Partial<SweepRun>) =>
  delivery.lastSweep({ status: 'completed', started_at: NOW, failure: 'a\nb', ...change } as SweepRun, NOW).status;

describe('of what is delivered', () => {
  it.each([
    ['a topic is not there', delivery.topic(SPEC, undefined), 'failed'],
    ['it is', delivery.topic(SPEC, { topic: 't', partitions: 4, replication: 1, config: new Map() }), 'ok'],
    ['it is less', delivery.topic(SPEC, { topic: 't', partitions: 1, replication: 1, config: new Map() }), 'warning'],
    ['a schema is registered', delivery.schema({ subject: 's', registeredId: 1, incompatibilities: [] }), 'ok'],
    ['it is not', delivery.schema({ subject: 's', registeredId: undefined, incompatibilities: [] }), 'failed'],
    ['it cannot be', delivery.schema({ subject: 's', registeredId: undefined, incompatibilities: ['x'] }), 'failed'],
    ['a group has members', delivery.group('track', { state: 'Stable', members: 1 }, 7n), 'ok'],
    ['it has none', delivery.group('track', { state: 'Empty', members: 0 }, 0n), 'warning'],
    ['there are no dead letters', delivery.deadLetters('t', 0n), 'ok'],
    ['their topic is missing', delivery.deadLetters('t', undefined), 'skipped'],
    ['there are some', delivery.deadLetters('t', 3n), 'warning'],
    ['all is published', delivery.outbox('o', { waiting: 0n, oldestSeconds: 0 }), 'ok'],
    ['something just came', delivery.outbox('o', { waiting: 5n, oldestSeconds: 3 }), 'ok'],
    ['something waits', delivery.outbox('o', { waiting: 5n, oldestSeconds: 301 }), 'warning'],
  ] as const)('where %s', (_, finding, status) => {
    expect(finding.status).toBe(status);
  });

  it('a sweep is expected once a day, completed', () => {
    expect(delivery.lastSweep(undefined, NOW).status).toBe('warning');
    expect(run({})).toBe('ok');
    expect(run({ started_at: NOW - 90_001_000_000n })).toBe('warning');
    expect(run({ status: 'held' })).toBe('warning');
    expect(run({ status: 'failed' })).toBe('warning');
  });
});
