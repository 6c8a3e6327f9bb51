import { createRequire } from 'node:module';

interface Package {
  readonly version: string;
  readonly description: string;
  /** The entry point of each command, compiled. */
  readonly bin: { readonly lastseen: string };
  /** The versions of Node that can run it. */
  readonly engines: { readonly node: string };
}

/** The package's own `package.json`, which lies beside `src` and beside `dist`. */
export const PACKAGE = createRequire(import.meta.url)('../../package.json') as Package;
