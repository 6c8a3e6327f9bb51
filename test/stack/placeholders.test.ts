import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { connectorConfig } from '../../stack/connector.ts';
import { fillPlaceholders, slotName } from '../../stack/placeholders.ts';

const ADDRESSES = {
  databaseUrl: 'postgres://post%40gres:p%2Fw@db.example:6543/seedtest',
  registryV2Url: 'http://registry.example/apis/registry/v2',
  connectUrl: 'http://connect.example',
};

describe('placeholders of the connector settings', () => {
  it('are all filled from the addresses of a stack', () => {
    const config = connectorConfig(ADDRESSES);
    expect(Object.values(config).filter((value) => value.includes('${'))).toEqual([]);
    expect(config).toMatchObject({
      'database.hostname': 'db.example',
      'database.port': '6543',
      'database.user': 'post@gres',
      'database.password': 'p/w',
      'database.dbname': 'seedtest',
      'topic.prefix': 'seedtest',
      'value.converter.apicurio.registry.url': ADDRESSES.registryV2Url,
    });
  });

  it('give each connector its own slot and topics, and let overrides win', () => {
    const config = connectorConfig(ADDRESSES, {
      name: 'Other-1',
      topicPrefix: 'other',
      overrides: { 'snapshot.mode': 'no_data' },
    });
    expect(config).toMatchObject({
      'slot.name': 'other_1',
      'publication.name': 'other_1',
      'topic.prefix': 'other',
      'snapshot.mode': 'no_data',
    });
  });

  it('refuse a name without a value', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder itself
    expect(() => fillPlaceholders({ 'topic.prefix': '${TYPO}' }, {})).toThrow('no value for ${TYPO}');
  });

  it('keep a dollar sign in a value unchanged', () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the placeholder itself
    expect(fillPlaceholders({ password: '${P}' }, { P: "a$&$'b" })).toEqual({ password: "a$&$'b" });
  });

  it('give slot names of at most 63 characters, all of which Postgres allows', () => {
    expect(slotName('Seed.Test-α')).toBe('seed_test__');
    expect(slotName('x'.repeat(80))).toHaveLength(63);
  });

  it('capture only tables that the platform schema creates', () => {
    const schema = readFileSync(new URL('../../stack/platform/schema.sql', import.meta.url), 'utf8');
    const tables = connectorConfig(ADDRESSES)['table.include.list']?.split(',') ?? [];
    expect(tables).toContain('public.session');
    for (const table of tables) expect(schema).toContain(`CREATE TABLE ${table.replace('public.', '')} (`);
  });
});
