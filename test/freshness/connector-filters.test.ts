import { describe, expect, it } from 'vitest';
import { connectorFilters, isFilterSetting, ownConnectors } from '../../src/freshness/connector-filters.ts';

const connector = (filters: Record<string, string>) => ({ name: 'c', topicPrefix: 'p', slotName: 's', filters });
const reasons = (filters: Record<string, string>, tables = ['public.session']) =>
  connectorFilters(connector(filters), 'p.public.session', tables);
const CONNECT_FILTER = 'org.apache.kafka.connect.transforms.Filter';
const MATCHES = 'org.apache.kafka.connect.transforms.predicates.TopicNameMatches';
const onTopics = (pattern: string, negate = 'false') => ({
  transforms: 'drop',
  'transforms.drop.type': CONNECT_FILTER,
  'transforms.drop.predicate': 'it',
  'transforms.drop.negate': negate,
  'predicates.it.type': MATCHES,
  'predicates.it.pattern': pattern,
});

describe("a connector's settings", () => {
  it.each<[string, Record<string, string>, string[]?]>([
    ['without filters', {}],
    ['with the table in its list', { 'table.include.list': 'public.attempt, PUBLIC\\.sess.*' }],
    [
      'with all partitions in its list',
      { 'table.include.list': 'public.session_[0-9]+' },
      ['public.session_1', 'public.session_2'],
    ],
    ['with another table excluded', { 'table.exclude.list': 'public.audit', 'schema.include.list': 'public' }],
    ['that skip truncates and deletes', { 'skipped.operations': 't,d' }],
    ['that filter other topics', onTopics('p\\.heartbeat.*')],
    ['that filter all but the topics', onTopics('p\\.public.*', 'true')],
    [
      'with a script for other topics',
      { transforms: 'f', 'transforms.f.type': 'io.debezium.transforms.Filter', 'transforms.f.topic.regex': 'x' },
    ],
    ['with another transform', { transforms: 'r', 'transforms.r.type': 'io.debezium.transforms.ByLogicalTableRouter' }],
    [
      'that drop tombstones',
      {
        transforms: 'f',
        'transforms.f.type': CONNECT_FILTER,
        'transforms.f.predicate': 'it',
        'predicates.it.type': 'org.apache.kafka.connect.transforms.predicates.RecordIsTombstone',
      },
    ],
  ])('%s leave out nothing', (_, filters, tables) => {
    expect(reasons(filters, tables)).toEqual([]);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    [
      'without the table in their list',
      { 'table.include.list': 'public.attempt' },
      /^connector c does not capture public.session \(table.include.list\)/,
    ],
    ['with the table excluded', { 'table.exclude.list': 'public\\..*' }, /table.exclude.list/],
    ['without the schema', { 'schema.include.list': 'app' }, /schema.include.list/],
    ['with a pattern that cannot be read', { 'table.include.list': 'public.(?<' }, /table.include.list/],
    ['that skip updates', { 'skipped.operations': 't, u' }, /skips the operation u/],
    ['that filter the topic', onTopics('.*session'), /filters records \(transforms.drop\)/],
    [
      'that filter by a condition on the value',
      { transforms: 'f', 'transforms.f.type': 'io.confluent.connect.transforms.Filter$Value' },
      /filters records \(transforms.f\)/,
    ],
    [
      'that filter by a script',
      { transforms: 'a,f', 'transforms.f.type': 'io.debezium.transforms.Filter' },
      /transforms.f\)/,
    ],
  ])('%s leave out changes', (_, filters, reason) => {
    expect(reasons(filters)).toEqual([expect.stringMatching(reason)]);
  });

  it('name the partition that a list omits', () => {
    const tables = ['public.session_1', 'public.session_2'];
    expect(reasons({ 'table.include.list': 'public.session_1' }, tables)).toEqual([
      expect.stringMatching(/public.session_2 /),
    ]);
  });

  it('are kept only if they can filter', () => {
    expect(['table.include.list', 'transforms.x.type', 'skipped.operations'].every(isFilterSetting)).toBe(true);
    expect(['database.password', 'connection.url', 'topic.prefix'].some(isFilterSetting)).toBe(false);
  });

  it('are those of the connector of our slot, else of our prefix', () => {
    const all = [connector({}), { ...connector({}), name: 'd', slotName: 'other' }];
    const names = (slotName: string) => ownConnectors(all, { topicPrefix: 'p', slotName }).map(({ name }) => name);
    expect(names('s')).toEqual(['c']);
    expect(names('unknown')).toEqual(['c', 'd']);
  });
});
