/**
 * What a Postgres URL says of TLS. The driver's own reading is left out: it takes `no-verify`, and its next major version
 * lets `require` and `verify-ca` believe any server.
 */
export interface PostgresTls {
  /** False: no TLS. Else the server's certificate and its name are verified. */
  readonly verified: boolean;
  /** Paths, as libpq names them; `system` as root certificate: those of Node. */
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

/** One line on what is wrong; names no value of the URL but its mode. */
export function postgresTlsMistake({ searchParams }: URL): string | undefined {
  const mode = searchParams.get('sslmode');
  const refused = REFUSED.find((name) => searchParams.has(name));
  if (refused !== undefined) return `must say sslmode=verify-full or sslmode=disable, not ${refused}=…`;
  if (mode !== null && mode !== 'disable' && !VERIFIED.includes(mode)) {
    return `must say sslmode=verify-full or sslmode=disable: sslmode=${mode} does not prove who answers`;
  }
  const idle = Object.keys(FILES).find((name) => searchParams.has(name));
  if (idle !== undefined && (mode === null || mode === 'disable')) return `has ${idle}, but not sslmode=verify-full`;
  if (searchParams.has('sslcert') !== searchParams.has('sslkey')) return 'needs both sslcert and sslkey, or neither';
  return undefined;
}

/** The URL without what it says of TLS, and that apart. Every mode but `disable` is read as `verify-full`. */
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
