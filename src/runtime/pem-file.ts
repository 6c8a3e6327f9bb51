import { readFileSync } from 'node:fs';
import { type ConnectionOptions, createSecureContext } from 'node:tls';
import { LastseenError } from './errors.ts';

/** The text of a PEM file; `name` says whose, to the operator. Throws `config_invalid`. */
export function readPemFile(name: string, path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new LastseenError('config_invalid', `${name}${shownPath(path)} cannot be read (${code})`);
  }
  // Node takes any text for a list of no authorities.
  if (text.includes('-----BEGIN ')) return text;
  throw new LastseenError('config_invalid', `${name}${shownPath(path)} is no PEM file`);
}

/** Throws `config_invalid` where certificate, key and passphrase, named to the operator by `names`, do not fit. */
export function requireFitting(names: string, options: ConnectionOptions): void {
  try {
    createSecureContext(options);
  } catch (error) {
    throw new LastseenError('config_invalid', `${names} do not fit: ${(error as Error).message}`, { cause: error });
  }
}

/** A path to be told; nothing where it looks like the secret itself, put where its file's name belongs. */
export function shownPath(path: string): string {
  return /^\.{0,2}\/[^\n]*$/.test(path) ? ` ${path}` : '';
}
