/**
 * The TLS options of a Postgres URL. The driver does not parse them: it accepts `no-verify`, and in its next major version
 * `require` and `verify-ca` accept any certificate.
 */
export interface PostgresTls {
  /** False: no TLS. True: TLS, and the server's certificate and host name are verified. */
  readonly verified: boolean;
  /** Paths, as in libpq; `system` means the certificate authorities of Node. */
  readonly rootCertificate?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly keyPassphrase?: string;
}

const VERIFIED = ['verify-full', 'verify-ca', 'require', 'prefer', 'allow'];
const FILES = {
  sslrootcert: 'rootCertificate',
  sslcert: 'certificate',
  sslkey: 'key',
  sslpassword: 'keyPassphrase',
} as const;
const REFUSED = ['ssl', 'uselibpqcompat'];

/** One line on what is wrong, if anything. It quotes no value of the URL except `sslmode`. */
export function postgresTlsMistake({ searchParams }: URL): string | undefined {
  const mode = searchParams.get('sslmode');
  const refused = REFUSED.find((name) => searchParams.has(name));
  if (refused !== undefined) return `must have sslmode=verify-full or sslmode=disable, not ${refused}=…`;
  if (mode !== null && mode !== 'disable' && !VERIFIED.includes(mode)) {
    return `must have sslmode=verify-full or sslmode=disable: sslmode=${mode} does not verify the server`;
  }
  const unused = Object.keys(FILES).find((name) => searchParams.has(name));
  if (unused !== undefined && (mode === null || mode === 'disable')) {
    return `has ${unused}, which needs sslmode=verify-full`;
  }
  if (searchParams.has('sslcert') !== searchParams.has('sslkey')) return 'needs both sslcert and sslkey, or neither';
  return undefined;
}

/** Separates the TLS options from the URL. Every mode except `disable` means `verify-full`. */
export function splitPostgresUrl(text: string): { readonly url: string; readonly tls: PostgresTls } {
  const url = new URL(text);
  const mode = url.searchParams.get('sslmode');
  const files: Record<string, string> = {};
  for (const [parameter, name] of Object.entries(FILES)) {
    const value = url.searchParams.get(parameter);
    if (value !== null) files[name] = value;
    url.searchParams.delete(parameter);
  }
  url.searchParams.delete('sslmode');
  return { url: url.href, tls: { verified: mode !== null && mode !== 'disable', ...files } };
}
