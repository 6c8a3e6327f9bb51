import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A resolver of host names for one process, which can fail. */
export interface Resolver {
  /** The variables with host names in place of addresses, and those that the process needs to look them up. */
  named(env: Readonly<Record<string, string>>): Record<string, string>;
  fail(code: 'ENOTFOUND' | 'EAI_AGAIN'): void;
  restore(): void;
  close(): void;
}

const PRELOADED = fileURLToPath(new URL('./resolver.cjs', import.meta.url));
const ADDRESS = /127\.0\.0\.1|localhost/;

export function createResolver(): Resolver {
  const directory = mkdtempSync(join(tmpdir(), 'lastseen-resolver-'));
  const file = join(directory, 'error');
  const answer = (code: string) => writeFileSync(file, code);
  answer('');
  return {
    named: (env) => ({
      ...Object.fromEntries(
        Object.entries(env).map(([name, value]) => [
          name,
          value.replace(ADDRESS, `${name.split('_')[0]?.toLowerCase()}.lastseen.test`),
        ]),
      ),
      NODE_OPTIONS: `--require ${PRELOADED}`,
      RESOLVER_FILE: file,
    }),
    fail: answer,
    restore: () => answer(''),
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
}
