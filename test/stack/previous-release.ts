import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

export interface PreviousRelease {
  readonly commit: string;
  /** Its tree, with the packages of this one. */
  readonly root: string;
  readonly cli: string;
  /** What it has not yet. */
  readonly laterMigrations: readonly string[];
  remove(): void;
}

/**
 * The newest code of this line whose migrations are the first of today's, and fewer: the last before the newest
 * migration came, unless files were given other names since.
 *
 * @returns why there is none, where the history is not at hand
 */
export function previousRelease(): PreviousRelease | { readonly missing: string } {
  const today = sqlFiles(readdirSync(join(ROOT, 'migrations')));
  let commits: readonly string[];
  try {
    if (git('rev-parse', '--show-cdup') !== '') return { missing: 'this tree is not the root of a git repository' };
    commits = git('log', '--first-parent', '--format=%H').split('\n');
  } catch {
    return { missing: 'there is no git history here' };
  }
  for (const commit of commits) {
    const then = sqlFiles(git('ls-tree', '--name-only', commit, 'migrations/').split('\n'));
    if (then.length === 0 || then.length >= today.length || then.some((name, at) => name !== today[at])) continue;
    return checkedOut(commit, today.slice(then.length));
  }
  return { missing: `none of the ${commits.length} commits at hand has the first of today's migrations alone` };
}

function checkedOut(commit: string, laterMigrations: readonly string[]): PreviousRelease {
  const root = mkdtempSync(join(tmpdir(), 'lastseen-previous-'));
  const archive = execFileSync('git', ['archive', commit], { cwd: ROOT, maxBuffer: 1 << 28 });
  execFileSync('tar', ['-x', '-C', root], { input: archive });
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  return {
    commit,
    root,
    cli: join(root, 'src/main/cli.ts'),
    laterMigrations,
    remove: () => rmSync(root, { recursive: true }),
  };
}

function sqlFiles(paths: readonly string[]): readonly string[] {
  const files = paths.filter((path) => path.endsWith('.sql'));
  return files.map((path) => path.replace(/^migrations\/|\.sql$/g, '')).sort();
}

function git(...args: readonly string[]): string {
  return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}
