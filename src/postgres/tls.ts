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

function tlsOptions(tls: PostgresTls): ConnectionOptions {
  const { rootCertificate, certificate, key, keyPassphrase } = tls;
  const options = {
    ...(rootCertificate === undefined || rootCertificate === 'system'
      ? {}
      : { ca: readPemFile('sslrootcert of the Postgres URL', rootCertificate) }),
    ...(certificate === undefined ? {} : { cert: readPemFile('sslcert of the Postgres URL', certificate) }),
    ...(key === undefined ? {} : { key: readPemFile('sslkey of the Postgres URL', key) }),
    ...(keyPassphrase === undefined ? {} : { passphrase: keyPassphrase }),
  };
  requireMatchingKey('sslcert, sslkey and sslpassword of the Postgres URL', options);
  return options;
}
