import { describe, expect, it } from 'vitest';
import { connectionOptions } from '../../src/postgres/tls.ts';

const at = (query: string) => connectionOptions(`postgres://u:p%40ss@h:5432/d?${query}`);

describe('a Postgres URL', () => {
  it.each(['verify-full', 'verify-ca', 'require', 'prefer', 'allow'])(
    'with sslmode=%s always verifies certificate and host name',
    (mode) => {
      expect(at(`sslmode=${mode}`)).toEqual({ connectionString: 'postgres://u:p%40ss@h:5432/d', ssl: {} });
    },
  );

  it.each(['', 'sslmode=disable'])('with "%s" uses no TLS', (query) => {
    expect(at(query).ssl).toBe(false);
  });

  it('keeps its other parameters', () => {
    expect(at('sslmode=verify-full&target_session_attrs=primary').connectionString).toBe(
      'postgres://u:p%40ss@h:5432/d?target_session_attrs=primary',
    );
  });

  it('with sslrootcert=system trusts the authorities of Node', () => {
    expect(at('sslmode=verify-full&sslrootcert=system').ssl).toEqual({});
  });

  it.each([
    ['sslrootcert=/nowhere.pem', 'sslrootcert of the Postgres URL /nowhere.pem cannot be read (ENOENT)'],
    [`sslrootcert=${import.meta.filename}`, 'is not a PEM file'],
  ])('with %s is rejected as config_invalid', (query, message) => {
    expect(() => at(`sslmode=verify-full&${query}`)).toThrow(
      expect.objectContaining({ code: 'config_invalid', message: expect.stringContaining(message) }),
    );
  });
});
