const UNKNOWN_AUTHORITY = 'its certificate is signed by an unknown authority: check the CA file';

/** Messages for the certificate errors of OpenSSL, by their `code` in Node. */
const CERTIFICATE_ERRORS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired: renew it',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: check the clocks',
  CERT_REVOKED: 'its certificate is revoked: replace it',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host name: check the address',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed: check the CA file',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is signed by an untrusted authority: check the CA file',
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  CERT_SIGNATURE_FAILURE: 'the signature of its certificate is wrong: replace it',
  CERT_CHAIN_TOO_LONG: 'its certificate chain is too long: replace it',
  INVALID_CA: 'its certificate is signed by a certificate that is not an authority: replace it',
  INVALID_PURPOSE: 'its certificate is not for servers: replace it',
};

/** Why TLS with the other side cannot work, for the operator; `undefined` for other errors, such as outages. */
export function tlsRefusal(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as { code?: unknown };
    if (typeof code !== 'string') continue;
    const known = CERTIFICATE_ERRORS[code];
    if (known !== undefined) return known;
    if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG') {
      return 'it does not use TLS on this port: check the port';
    }
    if (code.startsWith('ERR_SSL_') && code.includes('ALERT')) {
      return `it rejects our side of TLS (${code}): check whether it requires a client certificate`;
    }
    if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_')) return `TLS failed (${code})`;
  }
  return undefined;
}
