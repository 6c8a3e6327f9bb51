import { describe, expect, it } from 'vitest';
import { connectionOptions } from '../../src/postgres/tls.ts';

const at = (query: string) => connectionOptions(`postgres://u:p%40ss@h:5432/d?${query}`);

describe('a Postgres URL', () => {
  it.each(['verify-full', 'verify-ca', 'require', 'prefer', 'allow'])(
    'with sslmode=%s has certificate and host name verified, whatever the driver makes of the mode',
    (mode) => {
      expect(at(`sslmode=${mode}`)).toEqual({ connectionString: 'postgres://u:p%40ss@h:5432/d', ssl: {} });
    },
  );

  it.each(['', 'sslmode=disable'])('with "%s" goes without TLS', (query) => {
    expect(at(query).ssl).toBe(false);
  });

  it('keeps what it says of other things', () => {
    expect(at('sslmode=verify-full&target_session_attrs=primary').connectionString).toBe(
      'postgres://u:p%40ss@h:5432/d?target_session_attrs=primary',
    );
  });

  it('trusts the authorities of Node where it says sslrootcert=system', () => {
    expect(at('sslmode=verify-full&sslrootcert=system').ssl).toEqual({});
  });

  it.each([
    ['sslrootcert=/nowhere.pem', 'sslrootcert of the Postgres URL /nowhere.pem cannot be read (ENOENT)'],
    [`sslrootcert=${import.meta.filename}`, 'is no PEM file'],
  ])('with %s is a mistake of the configuration', (query, message) => {
    expect(() => at(`sslmode=verify-full&${query}`)).toThrow(
      expect.objectContaining({ code: 'config_invalid', message: expect.stringContaining(message) }),
    );
  });
});
