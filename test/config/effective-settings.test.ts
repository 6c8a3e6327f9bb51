import { describe, expect, it } from 'vitest';
import { readConfiguration, type SettingTexts } from '../../src/config/configuration.ts';
import { describeConfiguration } from '../../src/config/effective-settings.ts';
import type { CommandName } from '../../src/config/setting-uses.ts';
import type { Service } from '../../src/config/settings.ts';

const DATABASE_URL = 'postgres://user:hunter2@own/db';
const ALL: readonly Service[] = ['postgres', 'kafka', 'registry'];

function describeFor(
  name: CommandName,
  environment: Record<string, string>,
  { services = ALL, flags = {} }: { services?: readonly Service[]; flags?: SettingTexts } = {},
) {
  const configuration = readConfiguration(environment, flags, [], () => 'postgres://user:hunter2@file/db');
  const { effective, withoutEffect } = describeConfiguration(configuration, { name, services });
  return {
    effective: new Map(effective.map((each) => [each.name, `${each.from}: ${each.value}`])),
    withoutEffect: withoutEffect.map((each) => each.name),
    text: JSON.stringify({ effective, withoutEffect }),
  };
}

describe('the effective configuration', () => {
  it('has values as they are written, each with its origin', () => {
    const { effective } = describeFor(
      'sweep',
      { KAFKA_BROKERS: 'a:9092,b:9092', MAX_CLOCK_SKEW: '90s' },
      { flags: { WAIT_FRESH: '2h' } },
    );
    expect(Object.fromEntries(effective)).toMatchObject({
      KAFKA_BROKERS: 'environment: a:9092,b:9092',
      MAX_CLOCK_SKEW: 'environment: 90s',
      WAIT_FRESH: 'flag: 2h',
      STOP_WITHIN: 'default: 25s',
      SCHEMA_REGISTRY_URL: 'unset: ',
    });
  });

  it('masks secrets and keeps the host and path of their URLs', () => {
    const environment = {
      DATABASE_URL,
      KAFKA_SASL_PASSWORD: 'hunter3',
      KAFKA_SASL_USERNAME: 'u',
      KAFKA_SASL_MECHANISM: 'PLAIN',
    };
    const { effective, text } = describeFor('sweep', environment);
    expect(text).not.toMatch(/hunter/);
    expect(effective.get('DATABASE_URL')).toBe('environment: postgres://••••••@own/db');
    expect(effective.get('KAFKA_SASL_PASSWORD')).toBe('environment: ••••••');
    const fromFile = describeFor('sweep', { DATABASE_URL_FILE: '/run/url' });
    expect(fromFile.effective.get('DATABASE_URL')).toBe('file: postgres://••••••@file/db');
    expect(fromFile.effective.get('SLOT_DATABASE_URL')).toBe('derived from DATABASE_URL: postgres://••••••@file/db');
  });

  it('has the values that other settings decide', () => {
    const { effective } = describeFor('track', {
      DATABASE_URL,
      TOPIC_PREFIX: 'school',
      OWN_PREFIX: 'second',
      TOPIC_SESSION: 's',
    });
    expect(Object.fromEntries(effective)).toMatchObject({
      SLOT_DATABASE_URL: 'derived from DATABASE_URL: postgres://••••••@own/db',
      KAFKA_GROUP_ID: 'derived from OWN_PREFIX: second-track',
      TOPIC_ATTEMPT: 'derived from TOPIC_PREFIX: school.public.attempt',
      TOPIC_SESSION: 'environment: s',
      INACTIVITY_TOPIC: 'derived from OWN_PREFIX: second.inactivity.v1',
      REPLICATION_SLOT: 'derived from TOPIC_PREFIX: school',
      PUBLICATION: 'derived from TOPIC_PREFIX: school',
    });
    expect(describeFor('track', { REPLICATION_SLOT: 'x' }).effective.get('PUBLICATION')).toBe(
      'derived from REPLICATION_SLOT: x',
    );
    expect(describeFor('doctor', {}).effective.get('KAFKA_GROUP_ID')).toBe(
      'derived from OWN_PREFIX: lastseen-track,lastseen-recompute',
    );
  });

  it.each([
    [{ DATABASE_URL }, 'DATABASE_URL'],
    [{ DATABASE_URL, SLOT_DATABASE_URL: 'postgres://user:hunter2@slot/db' }, 'SLOT_DATABASE_URL'],
  ] as const)('names the database of the source tables, from %o', (environment, from) => {
    const host = from === 'DATABASE_URL' ? 'own' : 'slot';
    expect(describeFor('explain', environment).effective.get('SOURCE_DATABASE_URL')).toBe(
      `derived from ${from}: postgres://••••••@${host}/db`,
    );
  });

  it('leaves out what the command does not use, and lists it if it is set', () => {
    const { effective, withoutEffect } = describeFor('kpi', { DLQ_MAX_SHARE: '0.1', WAIT_FRESH: '5m', DATABASE_URL });
    expect([...effective.keys()]).not.toContain('DLQ_UNREADABLE_MAX');
    expect([...effective.keys()]).toContain('METRICS_PROFILE');
    expect(withoutEffect).toEqual(['DLQ_MAX_SHARE', 'WAIT_FRESH']);
  });

  it.each([
    ['track', { HTTP_HOST: '::' }, ['HTTP_HOST']],
    ['track', { HTTP_HOST: '::', HTTP_PORT: '0' }, []],
    ['track', { METRICS_PROFILE: 'legacy' }, ['METRICS_PROFILE']],
    ['recompute', { R_BRMS_BASE_URL: 'http://growth' }, ['R_BRMS_BASE_URL']],
    ['recompute', { R_BRMS_BASE_URL: 'http://growth', METRICS_USE_BAYESIAN: 'yes' }, []],
    ['track', { TOPIC_ATTEMPT: 'a', ATTEMPT_SOURCE: 'exam_results' }, ['TOPIC_ATTEMPT']],
    ['track', { TOPIC_ATTEMPT: 'a', SOURCES: 'session' }, ['TOPIC_ATTEMPT']],
    ['track', { TOPIC_ATTEMPT: 'a' }, []],
    [
      'migrate',
      { KAFKA_BROKERS: 'h:1', INACTIVITY_THRESHOLD_DAYS: '9' },
      ['KAFKA_BROKERS', 'INACTIVITY_THRESHOLD_DAYS'],
    ],
  ] as const)('lists what is set without effect on %s: %o', (command, environment, names) => {
    const services = command === 'migrate' ? (['postgres'] as const) : ALL;
    expect(describeFor(command, environment, { services }).withoutEffect).toEqual(names);
  });

  it('depends on what the flags make the command connect to', () => {
    const environment = { KAFKA_BROKERS: 'h:1', MAX_CROSSED_SHARE: '0.1', INACTIVITY_THRESHOLD_DAYS: '9' };
    const dryRun = describeFor('sweep', environment, { services: ['postgres'] });
    expect(dryRun.withoutEffect).toEqual(['KAFKA_BROKERS', 'MAX_CROSSED_SHARE']);
    expect(describeFor('sweep', environment).withoutEffect).toEqual([]);
  });
});
