import { readFileSync } from 'node:fs';
import { type ConnectionOptions, createSecureContext } from 'node:tls';
import { LastseenError } from './errors.ts';

/**
 * The text of a PEM file.
 *
 * @param name of the setting, for the message
 * @throws LastseenError `config_invalid` if it cannot be read or is not PEM
 */
export function readPemFile(name: string, path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new LastseenError('config_invalid', `${name}${shownPath(path)} cannot be read (${code})`);
  }
  // Node accepts any other text silently, as an empty list of authorities.
  if (text.includes('-----BEGIN ')) return text;
  throw new LastseenError('config_invalid', `${name}${shownPath(path)} is not a PEM file`);
}

/**
 * Checks that certificate, key and passphrase belong together.
 *
 * @param names of the settings, for the message
 * @throws LastseenError `config_invalid` if they do not
 */
export function requireMatchingKey(names: string, options: ConnectionOptions): void {
  try {
    createSecureContext(options);
  } catch (error) {
    const message = `${names} do not belong together: ${(error as Error).message}`;
    throw new LastseenError('config_invalid', message, { cause: error });
  }
}

/** A path for a message, after a blank. Empty if the text is no path: it may be the secret itself, set by mistake. */
export function shownPath(path: string): string {
  return /^\.{0,2}\/[^\n]*$/.test(path) ? ` ${path}` : '';
}
