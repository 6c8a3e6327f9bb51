import type { ConnectionOptions } from 'node:tls';
import { readPemFile, requireMatchingKey } from '../runtime/pem-file.ts';
import { type PostgresTls, splitPostgresUrl } from '../runtime/postgres-url.ts';

/**
 * The driver's connection options for a URL. TLS is passed separately, so that neither the driver's reading of `sslmode`
 * nor `PGSSLMODE` can weaken it: with TLS, certificate and host name are always verified.
 */
export function connectionOptions(text: string): {
  readonly connectionString: string;
  readonly ssl: false | ConnectionOptions;
} {
  const { url, tls } = splitPostgresUrl(text);
  return { connectionString: url, ssl: tls.verified ? tlsOptions(tls) : false };
}

function tlsOptions({ sslrootcert, sslcert, sslkey, sslpassword }: PostgresTls): ConnectionOptions {
  const read = (name: string, path: string | undefined) =>
    path === undefined ? undefined : readPemFile(`${name} of the Postgres URL`, path);
  const options = {
    // `system` means the certificate authorities of Node.
    ca: sslrootcert === 'system' ? undefined : read('sslrootcert', sslrootcert),
    cert: read('sslcert', sslcert),
    key: read('sslkey', sslkey),
    passphrase: sslpassword,
  };
  requireMatchingKey('sslcert, sslkey and sslpassword of the Postgres URL', options);
  return options;
}
