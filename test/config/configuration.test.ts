import { describe, expect, it } from 'vitest';
import { readConfiguration as read, type SettingTexts } from '../../src/config/configuration.ts';
import { groupOf, temporaryGroup } from '../../src/config/kafka-names.ts';
import type { Service } from '../../src/config/settings.ts';

const enough = {
  DATABASE_URL: 'postgres://user:hunter2@localhost/db',
  KAFKA_BROKERS: 'a:9092,b:9092',
  SCHEMA_REGISTRY_URL: 'http://localhost:8081',
};

const files: Record<string, string> = {
  '/run/password': 'hunter2\n',
  '/run/url': 'postgres://anna:hunter2@db/learning\r\n',
  '/run/empty': '\n',
};
const readConfiguration = (environment: Record<string, string>, flags: SettingTexts, needs: readonly Service[]) =>
  read(environment, flags, needs, (path) => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' });
    return text;
  });
const mistakesOf = (environment: Record<string, string>): string => {
  try {
    readConfiguration(environment, {}, []);
  } catch (error) {
    return (error as Error).message;
  }
  return '';
};

describe('the configuration', () => {
  it('has the platform’s six names with their defaults', () => {
    const { settings } = readConfiguration(enough, {}, ['postgres', 'kafka', 'registry']);
    expect(settings).toMatchObject({
      DATABASE_URL: enough.DATABASE_URL,
      INACTIVITY_THRESHOLD_DAYS: [7],
      KPI_LOOKBACK_DAYS: 30,
      METRICS_DEFAULT_TARGET: 0,
      METRICS_USE_BAYESIAN: false,
      METRICS_CHURN_HORIZON_DAYS: 14,
    });
  });

  it('names own topics and groups of another installation by its prefix', () => {
    const { settings } = readConfiguration({ OWN_PREFIX: 'school', RECOMPUTE_DLQ_TOPIC: 'dead' }, {}, []);
    expect(settings).toMatchObject({ INACTIVITY_TOPIC: 'school.inactivity.v1', RECOMPUTE_DLQ_TOPIC: 'dead' });
    expect(groupOf(settings, 'track')).toBe('school-track');
    expect(groupOf(readConfiguration({}, {}, []).settings, 'recompute')).toBe('lastseen-recompute');
    expect(temporaryGroup(settings, 'dlq')).toMatch(/^school-dlq-[-0-9a-f]{36}$/);
    expect(mistakesOf({ OWN_PREFIX: 'a b' })).toMatch('OWN_PREFIX must be letters');
  });

  it('reports all mistakes together, without secrets', () => {
    const environment = {
      DATABASE_URL: 'mysql://user:hunter2@localhost/db',
      INACTIVITY_THRESHOLD_DAYS: '0',
      KPI_LOOKBACK_DAYS: '30.5',
      METRICS_USE_BAYESIAN: 'perhaps',
      SOURCES: 'session,homework',
      MAX_CLOCK_SKEW: 'ten minutes',
      DLQ_MAX_SHARE: '5',
    };
    const read = () => readConfiguration(environment, {}, ['postgres', 'kafka']);
    expect(read).toThrow(expect.objectContaining({ code: 'config_invalid' }));
    for (const name of [...Object.keys(environment), 'KAFKA_BROKERS']) expect(read).toThrow(name);
    expect(read).not.toThrow(/hunter2/);
    expect(read).not.toThrow('SCHEMA_REGISTRY_URL');
  });

  it('lets flags win over the environment, and the environment over defaults', () => {
    const environment = { ...enough, INACTIVITY_THRESHOLD_DAYS: '10', KPI_LOOKBACK_DAYS: '40', LOG_LEVEL: '' };
    const { settings, origins } = readConfiguration(environment, { INACTIVITY_THRESHOLD_DAYS: '14' }, []);
    expect(settings).toMatchObject({ INACTIVITY_THRESHOLD_DAYS: [14], KPI_LOOKBACK_DAYS: 40, LOG_LEVEL: 'info' });
    expect(origins).toMatchObject({
      INACTIVITY_THRESHOLD_DAYS: 'flag',
      KPI_LOOKBACK_DAYS: 'environment',
      LOG_LEVEL: 'default',
    });
  });

  it('reads a secret from a file, without the newline at its end', () => {
    const environment = {
      DATABASE_URL_FILE: '/run/url',
      KAFKA_SASL_MECHANISM: 'scram-sha-512',
      KAFKA_SASL_USERNAME: 'lastseen',
      KAFKA_SASL_PASSWORD_FILE: '/run/password',
    };
    const { settings, origins } = readConfiguration(environment, {}, ['postgres']);
    expect(settings).toMatchObject({
      DATABASE_URL: 'postgres://anna:hunter2@db/learning',
      KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
      KAFKA_SASL_PASSWORD: 'hunter2',
    });
    expect(origins).toMatchObject({ DATABASE_URL: 'file', KAFKA_SASL_PASSWORD: 'file' });
  });

  it('rejects a secret that is set twice, and a file that is missing or empty', () => {
    expect(mistakesOf({ DATABASE_URL: 'postgres://a:hunter2@b/c', DATABASE_URL_FILE: '/run/url' })).toBe(
      'DATABASE_URL and DATABASE_URL_FILE are both set: unset one of them',
    );
    expect(mistakesOf({ KAFKA_SASL_PASSWORD_FILE: '/run/none' })).toBe(
      'KAFKA_SASL_PASSWORD_FILE /run/none cannot be read (ENOENT)',
    );
    expect(mistakesOf({ KAFKA_SASL_PASSWORD_FILE: '/run/empty' })).toBe('KAFKA_SASL_PASSWORD_FILE /run/empty is empty');
  });

  it.each([
    ['http://user:hunter2@registry', 'SCHEMA_REGISTRY_URL'],
    ['user:hunter2@broker:9092', 'KAFKA_BROKERS'],
    ['http://user:hunter2@growth', 'R_BRMS_BASE_URL'],
    ['postgres://user:hunter2@host:port/db', 'SOURCE_DATABASE_URL'],
  ])('never shows the password in %s given as %s', (value, name) => {
    expect(mistakesOf({ [name]: value })).toContain(name);
    expect(mistakesOf({ [name]: value })).not.toContain('hunter2');
  });

  it.each([
    ['sslmode=no-verify', 'sslmode=no-verify does not verify the server'],
    ['sslmode=verify_full', 'sslmode=verify_full does not verify the server'],
    ['ssl=no-verify', 'not ssl=…'],
    ['sslmode=require&uselibpqcompat=true', 'not uselibpqcompat=…'],
    ['sslrootcert=/ca.pem', 'has sslrootcert, which needs sslmode=verify-full'],
    ['sslmode=verify-full&sslcert=/c.pem', 'needs both sslcert and sslkey'],
  ])('rejects a Postgres URL with %s, because the server would not be verified', (query, mistake) => {
    for (const name of ['DATABASE_URL', 'SLOT_DATABASE_URL', 'SOURCE_DATABASE_URL']) {
      expect(mistakesOf({ [name]: `postgres://u:hunter2@h/d?${query}` })).toContain(mistake);
      expect(mistakesOf({ [name]: `postgres://u:hunter2@h/d?${query}` })).not.toContain('hunter2');
    }
  });

  it.each(['verify-full', 'verify-ca', 'require', 'prefer', 'allow', 'disable'])('accepts sslmode=%s', (mode) => {
    expect(mistakesOf({ DATABASE_URL: `postgres://u:p@h/d?sslmode=${mode}` })).toBe('');
  });

  it.each([
    [{ KAFKA_SSL_CA_FILE: '/ca' }, 'KAFKA_SSL_CA_FILE has no effect while KAFKA_SSL_ENABLED is false'],
    [
      { KAFKA_SSL_ENABLED: 'true', KAFKA_SSL_CERT_FILE: '/c' },
      'KAFKA_SSL_CERT_FILE needs KAFKA_SSL_KEY_FILE, which is not set',
    ],
    [
      { KAFKA_SASL_MECHANISM: 'PLAIN', KAFKA_SASL_USERNAME: 'u' },
      'KAFKA_SASL_MECHANISM needs KAFKA_SASL_PASSWORD, which is not set',
    ],
    [{ KAFKA_SASL_PASSWORD: 'hunter2' }, 'KAFKA_SASL_PASSWORD needs KAFKA_SASL_MECHANISM, which is not set'],
    [{ FRESHNESS_PROOF: 'connect' }, 'FRESHNESS_PROOF=connect needs CONNECT_URL, which is not set'],
    [{ FRESHNESS_PROOF: 'both' }, 'FRESHNESS_PROOF=both needs CONNECT_URL, which is not set'],
    [{ SCHEMA_REGISTRY_USERNAME: 'u' }, 'SCHEMA_REGISTRY_USERNAME needs SCHEMA_REGISTRY_PASSWORD, which is not set'],
    [
      { SCHEMA_REGISTRY_USERNAME: 'u', SCHEMA_REGISTRY_PASSWORD: 'hunter2', SCHEMA_REGISTRY_TOKEN: 'hunter3' },
      'SCHEMA_REGISTRY_TOKEN and SCHEMA_REGISTRY_USERNAME are both set',
    ],
    [{ SCHEMA_REGISTRY_URL: 'http://h', SCHEMA_REGISTRY_CA_FILE: '/ca' }, 'SCHEMA_REGISTRY_URL is not an https:// URL'],
  ])('rejects %o, in which a setting is missing or has no effect', (environment, mistake) => {
    expect(mistakesOf(environment as Record<string, string>)).toContain(mistake);
    expect(mistakesOf(environment as Record<string, string>)).not.toMatch(/hunter/);
  });
});
