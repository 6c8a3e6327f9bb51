import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { kafkaFailure } from '../../src/kafka/client/refusal.ts';
import { translateError } from '../../src/postgres/failures.ts';
import { adviceFor, type Server } from '../../src/preflight/advice.ts';
import { type ErrorCode, LastseenError } from '../../src/runtime/errors.ts';

function ofPostgres(state: string, message = 'why'): Error {
  return translateError(Object.assign(new pg.DatabaseError(message, 1, 'error'), { code: state }));
}
const ofSystem = (code: string) => translateError(Object.assign(new Error(code), { code }));
const known = (code: ErrorCode, message: string) => new LastseenError(code, message);
const denied = (type: string) => kafkaFailure('asked', Object.assign(new Error(`Not authorized: ${type}`), { type }));

describe('the advice for an error', () => {
  it.each<[string, Error, Server, unknown]>([
    ['a wrong password', ofPostgres('28P01'), 'DATABASE_URL', { setting: 'DATABASE_URL' }],
    ['a connection without TLS', ofPostgres('28000'), 'SLOT_DATABASE_URL', { setting: 'SLOT_DATABASE_URL' }],
    ['an unknown database', ofPostgres('3D000'), 'SOURCE_DATABASE_URL', { setting: 'SOURCE_DATABASE_URL' }],
    ['a server that does not answer', ofSystem('ECONNREFUSED'), 'DATABASE_URL', { setting: 'DATABASE_URL' }],
    ['an unknown host', ofSystem('ENOTFOUND'), 'DATABASE_URL', { setting: 'DATABASE_URL' }],
    ['a server that starts', ofPostgres('57P03'), 'DATABASE_URL', undefined],
    ['too many connections', ofPostgres('53300'), 'DATABASE_URL', undefined],
    ['a missing right', ofPostgres('42501'), 'DATABASE_URL', { command: expect.stringContaining('roles.sql') }],
    [
      'missing own tables',
      ofPostgres('42P01', 'relation "lastseen.migration" does not exist'),
      'DATABASE_URL',
      { command: 'lastseen migrate' },
    ],
    ['brokers that do not answer', known('kafka_unavailable', 'refused'), 'kafka', { setting: 'KAFKA_BROKERS' }],
    [
      'a plain connection to TLS',
      known('kafka_unavailable', 'Closed connection'),
      'kafka',
      { setting: 'KAFKA_SSL_ENABLED', value: 'true' },
    ],
    [
      'TLS to a plain listener',
      known('kafka_unavailable', 'disconnected before secure TLS connection was established'),
      'kafka',
      { setting: 'KAFKA_SSL_ENABLED' },
    ],
    [
      'SASL to a listener without it',
      known('kafka_unavailable', 'Request is not valid given the current SASL state'),
      'kafka',
      { setting: 'KAFKA_SASL_MECHANISM' },
    ],
    ['a wrong SASL password', known('kafka_refused', 'denied: SASL'), 'kafka', { setting: 'KAFKA_SASL_PASSWORD' }],
    ['a missing ACL', denied('TOPIC_AUTHORIZATION_FAILED'), 'kafka', undefined],
    [
      'an unknown authority',
      known('kafka_refused', 'signed by an unknown authority'),
      'kafka',
      { setting: 'KAFKA_SSL_CA_FILE' },
    ],
    ['an expired certificate', known('kafka_refused', 'its certificate has expired'), 'kafka', undefined],
    ['a registry that is absent', known('registry_unavailable', 'x'), 'registry', { setting: 'SCHEMA_REGISTRY_URL' }],
    [
      'a wrong login of the registry',
      known('registry_refused', 'denied access (status 401)'),
      'registry',
      { setting: 'SCHEMA_REGISTRY_PASSWORD' },
    ],
    ['Kafka Connect that is absent', new Error('no answer'), 'connect', { setting: 'CONNECT_URL' }],
  ])('fits %s', (_, error, server, remedy) => {
    expect(adviceFor(error, server).remedy).toEqual(remedy);
  });

  it('names the host for an unknown host, and the password for a wrong one', () => {
    expect(adviceFor(ofSystem('ENOTFOUND'), 'DATABASE_URL').hint).toContain('host');
    expect(adviceFor(ofPostgres('28P01'), 'DATABASE_URL').hint).toContain('password');
  });
});
