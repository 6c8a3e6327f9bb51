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
const whats = (...args: Parameters<typeof found>) => differencesOf(SPEC, found(...args)).map(({ what }) => what);

describe('a topic that exists', () => {
  it('is in order where it is what is wanted, or more', () => {
    expect(whats()).toEqual([]);
    expect(whats({ 'retention.ms': '-1', 'max.message.bytes': '501', 'min.insync.replicas': '3' }, 8, 4)).toEqual([]);
  });

  it('differs where it has less, each with its hint', () => {
    expect(whats({}, 3)).toEqual(['partitions']);
    expect(whats({ 'min.insync.replicas': '1' }, 4, 2)).toEqual(['replication', 'min.insync.replicas']);
    expect(whats({ 'max.message.bytes': '499' })).toEqual(['max.message.bytes']);
    expect(differencesOf(SPEC, found({ 'retention.ms': '999' }))).toEqual([
      {
        what: 'retention.ms',
        is: '999',
        wanted: '1000',
        hint: expect.stringMatching(/^kafka-configs\.sh .* --entity-name t --add-config retention\.ms=1000/),
      },
    ]);
  });

  it('differs where records of it vanish by another policy', () => {
    expect(whats({ 'cleanup.policy': 'compact' })).toEqual(['cleanup.policy']);
    expect(whats({ 'cleanup.policy': 'compact,delete' })).toEqual(['cleanup.policy']);
  });

  it('is never kept for ever enough by a limit', () => {
    const forEver = { ...SPEC, config: { 'retention.ms': '-1' } };
    expect(differencesOf(forEver, found({ 'retention.ms': '9999999' }))).toMatchObject([{ what: 'retention.ms' }]);
  });

  it('cannot be written to where more replicas must be in sync than there are', () => {
    expect(differencesOf(SPEC, found({ 'min.insync.replicas': '4' }))).toMatchObject([{ wanted: 'at most 3' }]);
  });

  it('of the connector is as the connector made it', () => {
    expect(differencesOf({ ...SPEC, owner: 'connector' }, found({ 'cleanup.policy': 'compact' }, 1, 1))).toEqual([]);
  });
});
