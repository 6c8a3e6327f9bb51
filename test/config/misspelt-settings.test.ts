import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readConfiguration } from '../../src/config/configuration.ts';
import { findMisspeltSettings } from '../../src/config/misspelt-settings.ts';
import { SETTINGS } from '../../src/config/settings.ts';

const found = (...variables: readonly string[]) =>
  findMisspeltSettings(Object.fromEntries(variables.map((variable) => [variable, 'x'])));

describe('a misspelt setting', () => {
  it.each([
    ['INACTIVITY_TRESHOLD_DAYS', 'INACTIVITY_THRESHOLD_DAYS'],
    ['KAFKA_BROKER', 'KAFKA_BROKERS'],
    ['KAFKA_BORKERS', 'KAFKA_BROKERS'],
    ['KAFKA_SASL_USER', 'KAFKA_SASL_USERNAME'],
    ['KAFKA_SSL', 'KAFKA_SSL_ENABLED'],
    ['KAFKA_GROUP', 'KAFKA_GROUP_ID'],
    ['SCHEMA_REGISTRY', 'SCHEMA_REGISTRY_URL'],
    ['SCHEMA_REGISTRY_PASS', 'SCHEMA_REGISTRY_PASSWORD'],
    ['DATABSE_URL', 'DATABASE_URL'],
    ['database_url', 'DATABASE_URL'],
    ['LASTSEEN_DATABASE_URL', 'DATABASE_URL'],
    ['LOG_LEVL', 'LOG_LEVEL'],
    ['DLQ_MAX_SHARES', 'DLQ_MAX_SHARE'],
    ['SWEEP_VERFIY', 'SWEEP_VERIFY'],
    ['STOP_WITHIN_SECONDS', 'STOP_WITHIN'],
    ['KAFKA_BROKERS_FILE', 'KAFKA_BROKERS'],
  ])('is found: %s, meant %s', (variable, meant) => {
    expect(found(variable)).toEqual([{ variable, similar: [meant] }]);
  });

  it('is found by a prefix of ours, with all settings that have it', () => {
    expect(found('INACTIVITY_DAYS', 'DLQ_LIMIT', 'RECOMPUTE_GROUP')).toEqual([
      { variable: 'INACTIVITY_DAYS', similar: ['INACTIVITY_TOPIC', 'INACTIVITY_THRESHOLD_DAYS', 'INACTIVITY_REFRESH'] },
      { variable: 'DLQ_LIMIT', similar: ['DLQ_MAX_SHARE', 'DLQ_UNREADABLE_MAX'] },
      {
        variable: 'RECOMPUTE_GROUP',
        similar: expect.arrayContaining(['RECOMPUTE_DLQ_TOPIC', 'RECOMPUTE_RETRY_DELAY']),
      },
    ]);
  });

  it('is not found among the settings themselves, their files, and empty variables', () => {
    expect(found(...Object.keys(SETTINGS), 'DATABASE_URL_FILE', 'KAFKA_SSL_KEY_PASSPHRASE_FILE')).toEqual([]);
    expect(findMisspeltSettings({ KAFKA_BROKER: '', INACTIVITY_DAYS: undefined })).toEqual([]);
  });

  it('is not found among the variables that Kubernetes and Docker set for services', () => {
    const ofServices = [
      'KAFKA',
      'KAFKA_BROKERS',
      'LASTSEEN_TRACK',
      'SCHEMA_REGISTRY',
      'CONNECT',
      'DLQ',
      'REDIS',
    ].flatMap((service) => [
      `${service}_SERVICE_HOST`,
      `${service}_SERVICE_PORT`,
      `${service}_SERVICE_PORT_TCP_PLAIN`,
      `${service}_PORT`,
      `${service}_PORT_9092_TCP`,
      `${service}_PORT_9092_TCP_PROTO`,
      `${service}_PORT_9092_TCP_PORT`,
      `${service}_PORT_9092_TCP_ADDR`,
    ]);
    expect(found(...ofServices)).toEqual([]);
    expect(found('DLQ_PORT_80_TCP')).toEqual([]);
  });

  it('is not found among variables that images and other programs use', () => {
    const ofOthers =
      'KAFKA_HOME KAFKA_VERSION KAFKA_OPTS KAFKA_HEAP_OPTS KAFKA_BROKER_ID KAFKA_CLUSTER_ID KAFKA_LISTENERS ' +
      'KAFKA_ADVERTISED_LISTENERS KAFKA_SSL_KEYSTORE_LOCATION KAFKA_SASL_JAAS_CONFIG KAFKA_CFG_NODE_ID ' +
      'SCHEMA_REGISTRY_HOST_NAME SCHEMA_REGISTRY_LISTENERS SCHEMA_REGISTRY_OPTS CONNECT_REST_PORT CONNECT_GROUP_ID ' +
      'HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy HTTPS_PORT SOURCE LOGLEVEL LOG_DIR METRICS_PORT METRICS_ENABLED ' +
      'TOPIC DATABASE DATABASE_HOST DATABASE_NAME POSTGRES_PASSWORD PGHOST REDIS_URL HOSTNAME PATH NODE_OPTIONS ' +
      'LASTSEEN_VERSION LASTSEEN_IMAGE FLUSH_INTERVAL npm_config_cache _';
    expect(found(...ofOthers.split(' '))).toEqual([]);
  });

  it('is not found if the setting that it is near is set', () => {
    expect(found('DATABASE_URI', 'DATABASE_URL')).toEqual([]);
    expect(found('DATABASE_URI', 'DATABASE_URL_FILE')).toEqual([]);
    expect(found('INACTIVITY_TRESHOLD_DAYS', 'INACTIVITY_THRESHOLD_DAYS')).toHaveLength(1);
  });

  it('is returned with the configuration, or reported with the mistakes', () => {
    const environment = { KAFKA_BROKER: 'host:9092' };
    const read = (needs: readonly 'kafka'[]) =>
      readConfiguration(environment, {}, needs, (path) => readFileSync(path, 'utf8'));
    expect(read([]).misspelt).toEqual([{ variable: 'KAFKA_BROKER', similar: ['KAFKA_BROKERS'] }]);
    expect(() => read(['kafka'])).toThrow(/KAFKA_BROKERS is not set.*\nKAFKA_BROKER .*KAFKA_BROKERS\?$/);
  });
});
