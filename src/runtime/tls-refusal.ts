/** OpenSSL's words for a certificate that does not hold, as Node gives them for `code`. */
const OF_CERTIFICATES: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired: renew it',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet: look at the clocks',
  CERT_REVOKED: 'its certificate is revoked',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host name: is the address right?',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed: is the CA file right?',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is signed by an authority that is not trusted: is the CA file right?',
  UNABLE_TO_GET_ISSUER_CERT: 'its certificate is signed by an unknown authority: is the CA file right?',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is signed by an unknown authority: is the CA file right?',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is signed by an unknown authority: is the CA file right?',
  CERT_SIGNATURE_FAILURE: 'the signature of its certificate is wrong',
  CERT_CHAIN_TOO_LONG: 'the chain of its certificate is too long',
  INVALID_CA: 'its certificate is signed by one that may not sign',
  INVALID_PURPOSE: 'its certificate is not for servers',
};

/**
 * What the two sides of a TLS connection cannot agree on, in words for the operator; `undefined` where the error is of
 * another kind. Waiting does not mend it, unlike an outage.
 */
export function tlsRefusal(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { code } = at as { code?: unknown };
    if (typeof code !== 'string') continue;
    const known = OF_CERTIFICATES[code];
    if (known !== undefined) return known;
    if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG') {
      return 'it does not speak TLS at this port';
    }
    if (code.startsWith('ERR_SSL_') && code.includes('ALERT')) {
      return `it refuses our side of TLS (${code}): does it ask for a client certificate?`;
    }
    if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_')) return `TLS failed (${code})`;
  }
  return undefined;
}
