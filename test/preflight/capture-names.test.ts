import { describe, expect, it } from 'vitest';
import { SOURCES } from '../../src/activity/source.ts';
import {
  type ConfiguredNames,
  type ExistingNames,
  isPrefixConfirmed,
  otherPrefixes,
  wrongName,
} from '../../src/preflight/capture-names.ts';

const topicsOf = (prefix: string) => SOURCES.map((source) => `${prefix}.public.${source}`);
const configured = (prefix: string, changes: Partial<ConfiguredNames> = {}): ConfiguredNames => ({
  topicPrefix: prefix,
  slot: prefix,
  publication: changes.slot ?? prefix,
  isSlotSet: changes.slot !== undefined,
  topics: new Map(SOURCES.map((source) => [`${prefix}.public.${source}`, source])),
  databaseSetting: 'DATABASE_URL',
  ...changes,
});
const slot = (name: string, database = 'd') => ({ name, database });
const complete = (name: string) => ({ name, sources: SOURCES });
const exist = (changes: Partial<ExistingNames> = {}): ExistingNames => ({
  database: 'd',
  slots: [slot('ours')],
  publications: [complete('ours')],
  recorded: undefined,
  topics: topicsOf('ours'),
  ...changes,
});
const remedy = (names: ConfiguredNames, existing: ExistingNames) => {
  const finding = wrongName(names, existing);
  return finding?.status === 'failed' ? finding.remedy : finding;
};

describe('a wrong name', () => {
  it('is not found if all exist', () => {
    expect(wrongName(configured('ours'), exist())).toBeUndefined();
    const withDots = configured('Our.App', { slot: 'our_app', isSlotSet: true });
    const existing = exist({
      slots: [slot('our_app')],
      publications: [complete('our_app')],
      topics: topicsOf('Our.App'),
    });
    expect(wrongName(withDots, existing)).toBeUndefined();
  });

  it.each<[string, ConfiguredNames, ExistingNames, object]>([
    ['a misspelt prefix', configured('oars'), exist(), { setting: 'TOPIC_PREFIX', value: 'ours' }],
    [
      'the prefix of another installation',
      configured('theirs'),
      exist({ topics: [...topicsOf('ours'), ...topicsOf('theirs')] }),
      { setting: 'TOPIC_PREFIX', value: 'ours' },
    ],
    [
      'a prefix whose slot is named without its dots',
      configured('oars'),
      exist({ slots: [slot('our_app')], topics: topicsOf('our.app') }),
      { setting: 'TOPIC_PREFIX', value: 'our.app' },
    ],
    [
      'the topic of one source',
      configured('ours', {
        topics: new Map([
          ['ours.public.sessions', 'session'],
          ['ours.public.attempt', 'attempt'],
        ]),
      }),
      exist(),
      { setting: 'TOPIC_SESSION', value: 'ours.public.session' },
    ],
    [
      'a slot',
      configured('ours', { slot: 'other', publication: 'ours' }),
      exist(),
      { setting: 'REPLICATION_SLOT', value: 'ours' },
    ],
    [
      'a slot of which only earlier looks at capture know the right one',
      configured('ours'),
      exist({ slots: [slot('debezium')], recorded: { slot: 'debezium', publication: 'ours' } }),
      { setting: 'REPLICATION_SLOT', value: 'debezium' },
    ],
    [
      'a database: the slot is in another one, also if a slot and topics of another installation fit this one',
      configured('ours'),
      exist({ slots: [slot('ours', 'other'), slot('theirs')], topics: [...topicsOf('ours'), ...topicsOf('theirs')] }),
      { setting: 'DATABASE_URL' },
    ],
    [
      'a publication',
      configured('ours', { publication: 'other' }),
      exist({ publications: [complete('analytics'), complete('ours')] }),
      { setting: 'PUBLICATION', value: 'ours' },
    ],
  ])('is found: %s', (_, names, existing, expected) => {
    expect(remedy(names, existing)).toEqual(expected);
  });

  it.each<[string, ConfiguredNames, ExistingNames]>([
    ['nothing exists yet', configured('ours'), exist({ slots: [], publications: [], topics: [] })],
    ['only another installation exists yet', configured('ours'), exist({ topics: topicsOf('theirs'), slots: [] })],
    [
      'two prefixes have topics and a slot in this database',
      configured('oars'),
      exist({ slots: [slot('ours'), slot('theirs')], topics: [...topicsOf('ours'), ...topicsOf('theirs')] }),
    ],
    ['the slot of another product exists', configured('ours'), exist({ slots: [slot('analytics')], publications: [] })],
    ['a publication of another product exists', configured('ours'), exist({ publications: [complete('analytics')] })],
    [
      'a publication with the right name lacks sources',
      configured('ours', { publication: 'other' }),
      exist({ publications: [{ name: 'ours', sources: ['session'] }] }),
    ],
    [
      'the brokers do not answer, so that the prefix may be wrong',
      configured('oars'),
      exist({ topics: undefined, recorded: { slot: 'ours', publication: 'ours' } }),
    ],
  ])('is not certain if %s', (_, names, existing) => {
    expect(wrongName(names, existing)).toBeUndefined();
  });
});

describe('the prefix of the topics', () => {
  it('is confirmed by a slot with its name, or by the configured slot', () => {
    expect(isPrefixConfirmed(configured('ours'), exist())).toBe(true);
    expect(isPrefixConfirmed(configured('app', { slot: 'ours' }), exist())).toBe(true);
    expect(isPrefixConfirmed(configured('app'), exist())).toBe(false);
  });

  it('is compared with those of the other topics of sources', () => {
    const topics = [...topicsOf('b.c'), ...topicsOf('a'), 'a.public.other', 'session', ...topicsOf('own')];
    expect(otherPrefixes('own', topics)).toEqual(['a', 'b.c']);
  });
});
