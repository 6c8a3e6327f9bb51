import type { SettingName, Settings } from './settings.ts';

/** Checks settings against each other: one line for each that makes no sense with, or without, another one. */
export function findConflicts(settings: Partial<Settings>): string[] {
  const has = (name: SettingName) => settings[name] !== undefined;
  const together = (first: SettingName, second: SettingName) =>
    has(first) === has(second)
      ? []
      : [`${has(first) ? first : second} needs ${has(first) ? second : first}, which is not set`];
  const needs = (name: SettingName, other: SettingName) =>
    has(name) && !has(other) ? [`${name} needs ${other}, which is not set`] : [];
  const unused = KAFKA_TLS.filter((name) => settings.KAFKA_SSL_ENABLED === false && has(name));
  return [
    ...unused.map((name) => `${name} has no effect while KAFKA_SSL_ENABLED is false`),
    ...together('KAFKA_SSL_CERT_FILE', 'KAFKA_SSL_KEY_FILE'),
    ...needs('KAFKA_SSL_KEY_PASSPHRASE', 'KAFKA_SSL_KEY_FILE'),
    ...needs('KAFKA_SASL_MECHANISM', 'KAFKA_SASL_USERNAME'),
    ...needs('KAFKA_SASL_MECHANISM', 'KAFKA_SASL_PASSWORD'),
    ...needs('KAFKA_SASL_USERNAME', 'KAFKA_SASL_MECHANISM'),
    ...needs('KAFKA_SASL_PASSWORD', 'KAFKA_SASL_MECHANISM'),
    ...together('SCHEMA_REGISTRY_USERNAME', 'SCHEMA_REGISTRY_PASSWORD'),
    ...(has('SCHEMA_REGISTRY_TOKEN') && has('SCHEMA_REGISTRY_USERNAME')
      ? ['SCHEMA_REGISTRY_TOKEN and SCHEMA_REGISTRY_USERNAME are both set: unset one of them']
      : []),
    ...(settings.FRESHNESS_PROOF !== 'slot' && !has('CONNECT_URL')
      ? [`FRESHNESS_PROOF=${settings.FRESHNESS_PROOF} needs CONNECT_URL, which is not set`]
      : []),
    ...(has('SCHEMA_REGISTRY_CA_FILE') && settings.SCHEMA_REGISTRY_URL?.startsWith('http:')
      ? ['SCHEMA_REGISTRY_CA_FILE has no effect: SCHEMA_REGISTRY_URL is not an https:// URL']
      : []),
  ];
}

const KAFKA_TLS = ['KAFKA_SSL_CA_FILE', 'KAFKA_SSL_CERT_FILE', 'KAFKA_SSL_KEY_FILE'] as const;
