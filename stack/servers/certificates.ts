/** Short-lived certificates for servers and clients on this machine. */
import { createPrivateKey } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;

export interface Certificate {
  /** PEM, the key in PKCS #8. */
  readonly certificate: string;
  readonly key: string;
}

interface CertificateRequest {
  /** DNS names and IP addresses. */
  readonly names: readonly string[];
  /** Valid for a day, or until a day ago. */
  readonly expired?: boolean;
}

interface Authority {
  /** PEM. */
  readonly certificate: string;
  issue(request: CertificateRequest): Promise<Certificate>;
}

export async function createAuthority(): Promise<Authority> {
  const keys = await generateKeys();
  const now = Date.now();
  const own = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: 'CN=lastseen test authority',
    notBefore: new Date(now - 3 * DAY_MS),
    notAfter: new Date(now + 3 * DAY_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  return {
    certificate: own.toString('pem'),
    async issue({ names, expired = false }) {
      const { publicKey, privateKey } = await generateKeys();
      const end = expired ? now - DAY_MS : now + DAY_MS;
      const issued = await x509.X509CertificateGenerator.create({
        serialNumber: serialNumber(),
        subject: 'CN=lastseen test',
        issuer: own.subject,
        notBefore: new Date(end - 2 * DAY_MS),
        notAfter: new Date(end),
        signingAlgorithm: ALGORITHM,
        publicKey,
        signingKey: keys.privateKey,
        extensions: [
          new x509.SubjectAlternativeNameExtension(
            names.map((value) => ({ type: /^[\d.]+$/.test(value) ? ('ip' as const) : ('dns' as const), value })),
          ),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
        ],
      });
      const key = Buffer.from(await crypto.subtle.exportKey('pkcs8', privateKey));
      return {
        certificate: issued.toString('pem'),
        key: createPrivateKey({ key, format: 'der', type: 'pkcs8' })
          .export({ format: 'pem', type: 'pkcs8' })
          .toString(),
      };
    },
  };
}

/** The key, encrypted with a passphrase. */
export function encryptedKey(key: string, passphrase: string): string {
  return createPrivateKey(key).export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase }).toString();
}

export function derKey(key: string): Buffer {
  return createPrivateKey(key).export({ format: 'der', type: 'pkcs8' });
}

function generateKeys() {
  return crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

function serialNumber(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(8)))
    .toString('hex')
    .replace(/^./, '1');
}
