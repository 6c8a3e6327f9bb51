import { describe, expect, it } from 'vitest';
import type { TopicSpec } from '../../../src/kafka/admin/admin.ts';
import { differencesOf } from '../../../src/kafka/admin/topic-differences.ts';

const SPEC: TopicSpec = {
  topic: 't',
  partitions: 4,
  replication: 3,
  owner: 'lastseen',
  config: {
    'cleanup.policy': 'delete',
    'retention.ms': '1000',
    'min.insync.replicas': '2',
    'max.message.bytes': '500',
  },
};

const found = (change: Record<string, string> = {}, partitions = 4, replication = 3) => ({
  topic: 't',
  partitions,
  replication,
  config: new Map(Object.entries({ ...SPEC.config, ...change })),
});
const differing = (...args: Parameters<typeof found>) => differencesOf(SPEC, found(...args)).map(({ what }) => what);

describe('the differences of an existing topic', () => {
  it('are none if every setting is as required or larger', () => {
    expect(differing()).toEqual([]);
    expect(differing({ 'retention.ms': '-1', 'max.message.bytes': '501', 'min.insync.replicas': '3' }, 8, 4)).toEqual(
      [],
    );
  });

  it('name each setting that is smaller, with a hint', () => {
    expect(differing({}, 3)).toEqual(['partitions']);
    expect(differing({ 'min.insync.replicas': '1' }, 4, 2)).toEqual(['replication', 'min.insync.replicas']);
    expect(differing({ 'max.message.bytes': '499' })).toEqual(['max.message.bytes']);
    expect(differencesOf(SPEC, found({ 'retention.ms': '999' }))).toEqual([
      {
        what: 'retention.ms',
        is: '999',
        wanted: '1000',
        hint: expect.stringMatching(/^kafka-configs\.sh .* --entity-name t --add-config retention\.ms=1000/),
      },
    ]);
  });

  it('name another cleanup policy', () => {
    expect(differing({ 'cleanup.policy': 'compact' })).toEqual(['cleanup.policy']);
    expect(differing({ 'cleanup.policy': 'compact,delete' })).toEqual(['cleanup.policy']);
  });

  it('name any limited retention if none is required', () => {
    const forEver = { ...SPEC, config: { 'retention.ms': '-1' } };
    expect(differencesOf(forEver, found({ 'retention.ms': '9999999' }))).toMatchObject([{ what: 'retention.ms' }]);
  });

  it('name more in-sync replicas than replicas', () => {
    expect(differencesOf(SPEC, found({ 'min.insync.replicas': '4' }))).toMatchObject([{ wanted: 'at most 3' }]);
  });

  it('are only those with which the connector cannot write, for a topic of the connector', () => {
    const ofConnector = (config: Record<string, string>, partitions: number, replication: number) =>
      differencesOf({ ...SPEC, owner: 'connector' }, found(config, partitions, replication));
    const roomy = { 'max.message.bytes': '1048588' };
    expect(ofConnector({ ...roomy, 'cleanup.policy': 'compact', 'min.insync.replicas': '1' }, 1, 1)).toEqual([]);
    expect(ofConnector({ ...roomy, 'min.insync.replicas': '2' }, 1, 1)).toMatchObject([
      { what: 'min.insync.replicas' },
    ]);
    expect(ofConnector({ 'max.message.bytes': '60' }, 4, 3)).toEqual([
      {
        what: 'max.message.bytes',
        is: '60',
        wanted: '1048588',
        hint: expect.stringMatching(/^the connector stops at a larger record: .* --entity-name t --add-config max/),
      },
    ]);
  });
});
