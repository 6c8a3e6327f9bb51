/** Parameters of the URL that only matter with TLS: paths, as in libpq, and the passphrase of the key. */
const TLS_PARAMETERS = ['sslrootcert', 'sslcert', 'sslkey', 'sslpassword'] as const;

/**
 * The TLS options of a Postgres URL. The driver does not parse them: it accepts `no-verify`, and in its next major version
 * `require` and `verify-ca` accept any certificate.
 */
export interface PostgresTls extends Readonly<Partial<Record<(typeof TLS_PARAMETERS)[number], string>>> {
  /** False: no TLS. True: TLS, and the server's certificate and host name are verified. */
  readonly verified: boolean;
}

const VERIFIED = ['verify-full', 'verify-ca', 'require', 'prefer', 'allow'];
const REFUSED = ['ssl', 'uselibpqcompat'];

/** One line on what is wrong, if anything. It quotes no value of the URL except `sslmode`. */
export function postgresTlsMistake({ searchParams }: URL): string | undefined {
  const mode = searchParams.get('sslmode');
  const refused = REFUSED.find((name) => searchParams.has(name));
  if (refused !== undefined) return `must have sslmode=verify-full or sslmode=disable, not ${refused}=…`;
  if (mode !== null && mode !== 'disable' && !VERIFIED.includes(mode)) {
    return `must have sslmode=verify-full or sslmode=disable: sslmode=${mode} does not verify the server`;
  }
  const unused = TLS_PARAMETERS.find((name) => searchParams.has(name));
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
  const parameters = TLS_PARAMETERS.flatMap((name) => {
    const value = url.searchParams.get(name);
    return value === null ? [] : [[name, value]];
  });
  for (const name of ['sslmode', ...TLS_PARAMETERS]) url.searchParams.delete(name);
  return {
    url: url.href,
    tls: { verified: mode !== null && mode !== 'disable', ...Object.fromEntries(parameters) },
  };
}
