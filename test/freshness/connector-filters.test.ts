import { describe, expect, it } from 'vitest';
import { connectorFilters, isFilterSetting, ownConnectors } from '../../src/freshness/connector-filters.ts';

const connector = (filters: Record<string, string>) => ({
  name: 'c',
  topicPrefix: 'p',
  slotName: 's',
  filters,
  parts: [],
});
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

const regexRouter = (regex: string, replacement: string) => ({
  transforms: 'r',
  'transforms.r.type': 'org.apache.kafka.connect.transforms.RegexRouter',
  'transforms.r.regex': regex,
  'transforms.r.replacement': replacement,
});
const onlyFor = (pattern: string, negate = 'false') => ({
  'transforms.r.predicate': 'it',
  'transforms.r.negate': negate,
  'predicates.it.type': MATCHES,
  'predicates.it.pattern': pattern,
});
const sometimes = { 'transforms.r.predicate': 'it', 'predicates.it.type': 'com.example.Sometimes' };
const back = {
  'transforms.back.type': 'org.apache.kafka.connect.transforms.RegexRouter',
  'transforms.back.regex': 'q\\.(.*)',
  'transforms.back.replacement': 'p.$1',
};
const joined = {
  transforms: 'join',
  'transforms.join.type': 'io.debezium.transforms.ByLogicalTableRouter',
  'transforms.join.topic.regex': '(.*)session_p[0-9]+',
  'transforms.join.topic.replacement': '$1session',
};

describe("a connector's settings", () => {
  it.each<[string, Record<string, string>, string[]?]>([
    ['without filters', {}],
    ['with the table in its list', { 'table.include.list': 'public.attempt, PUBLIC\\.sess.*' }],
    [
      'with all partitions in its list',
      { ...joined, 'table.include.list': 'public.session_p[0-9]+' },
      ['public.session_p1', 'public.session_p2'],
    ],
    ['with another table excluded', { 'table.exclude.list': 'public.audit', 'schema.include.list': 'public' }],
    ['that skip truncates and deletes', { 'skipped.operations': 't,d' }],
    ['that filter other topics', onTopics('p\\.heartbeat.*')],
    ['that filter all but the topics', onTopics('p\\.public.*', 'true')],
    [
      'with a script for other topics',
      { transforms: 'f', 'transforms.f.type': 'io.debezium.transforms.Filter', 'transforms.f.topic.regex': 'x' },
    ],
    ['with another transform', { transforms: 'r', 'transforms.r.type': 'io.debezium.transforms.TimezoneConverter' }],
    ['with a router of other topics', regexRouter('p\\.heartbeat.*', 'h')],
    ['with a router that keeps the name', regexRouter('(.*)', '$1')],
    ['with a router of the topic to itself', regexRouter('p\\.(\\w+)\\.session', 'p.$1.session')],
    ['with a router behind a predicate for other topics', { ...regexRouter('.*', 'x'), ...onlyFor('p\\.other') }],
    ['with a router of schema changes', { ...regexRouter('.*', 'x'), ...onlyFor('p\\..*', 'true') }],
    ['that route away and back', { ...regexRouter('p\\.(.*)', 'q.$1'), ...back, transforms: 'r, back' }],
    ['with a router that joins partitions', joined, ['public.session_p1', 'public.session_p2']],
    ['with names of topics that are not known', { 'topic.delimiter': '_' }, ['public.session_p1']],
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
    [
      'that send the topic elsewhere',
      regexRouter('p\\.public\\.(.*)', 'learning-$1'),
      /^connector c sends records of public.session to learning-session, not to p.public.session \(transforms.r\), so changes are not read$/,
    ],
    [
      'that remove the prefix',
      regexRouter('([^.]+)\\.([^.]+)\\.([^.]+)', '$3'),
      /sends records of public.session to session, not/,
    ],
    [
      'with a router that may apply',
      { ...regexRouter('.*', 'x'), ...sometimes },
      /sends records of public.session to x, not/,
    ],
    [
      'with a pattern of Java',
      regexRouter('(?>p).*', 'x'),
      /to a topic that depends on the record, not to p.public.session/,
    ],
    [
      'that route by the time',
      { transforms: 'r', 'transforms.r.type': 'org.apache.kafka.connect.transforms.TimestampRouter' },
      /to a topic that depends on the record, .* \(transforms.r\)/,
    ],
    [
      'that route by a field',
      {
        transforms: 'r',
        'transforms.r.type': 'io.debezium.transforms.ExtractNewRecordState',
        'transforms.r.route.by.field': 'x',
      },
      /to a topic that depends on the record/,
    ],
    [
      'that route twice',
      { ...regexRouter('p\\.(.*)', 'q.$1'), ...back, transforms: 'r, back', 'transforms.back.replacement': 'z' },
      /to z, not to p.public.session \(transforms.r, transforms.back\)/,
    ],
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
    const tables = ['public.session_p1', 'public.session_p2'];
    expect(reasons({ ...joined, 'table.include.list': 'public.session_p1' }, tables)).toEqual([
      expect.stringMatching(/^connector c does not capture public.session_p2 \(table.include.list\)/),
    ]);
  });

  it('name all partitions whose topics no router joins', () => {
    expect(reasons({}, ['public.session_p1', 'public.session_p2'])).toEqual([
      'connector c sends records of public.session_p1, public.session_p2 to topics of their own, not to p.public.session, so changes are not read',
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
