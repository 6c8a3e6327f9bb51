import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { describeConfiguration, readConfiguration } from '../../../src/runtime/configuration.ts';
import { SETTINGS, type Setting } from '../../../src/runtime/settings.ts';

const enough = {
  DATABASE_URL: 'postgres://user:hunter2@localhost/db',
  KAFKA_BROKERS: 'a:9092,b:9092',
  SCHEMA_REGISTRY_URL: 'http://localhost:8081',
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

  it('tells every mistake at once, and no secret', () => {
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

  it('is printed with secrets masked', () => {
    const printed = JSON.stringify(describeConfiguration(readConfiguration(enough, {}, [])));
    expect(printed).toContain('a:9092,b:9092');
    expect(printed).not.toContain('hunter2');
  });

  it('stands in the README, each name with its default', () => {
    const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
    const rows = [...readme.matchAll(/^\| `([A-Z_]+)` \| (?:`([^`]*)`)? *\|/gm)].map(([, name, fallback]) => [
      name,
      fallback,
    ]);
    const settings = Object.entries(SETTINGS).map(([name, setting]: [string, Setting<unknown>]) => [
      name,
      setting.fallback,
    ]);
    expect(rows).toEqual(settings);
  });
});
