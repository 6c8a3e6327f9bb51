import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

export interface PreviousRelease {
  readonly commit: string;
  /** Its tree, with the packages of its own lock file. */
  readonly root: string;
  readonly cli: string;
  /** The migrations that it does not have. */
  readonly laterMigrations: readonly string[];
  remove(): void;
}

/**
 * The newest commit that has only the first of today's migrations: the last one before the newest migration was added.
 *
 * @returns why there is none, e.g. because there is no git history.
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
  return { missing: `none of the ${commits.length} available commits has only the first of today's migrations` };
}

function checkedOut(commit: string, laterMigrations: readonly string[]): PreviousRelease {
  const root = mkdtempSync(join(tmpdir(), 'lastseen-previous-'));
  const archive = execFileSync('git', ['archive', commit], { cwd: ROOT, maxBuffer: 1 << 28 });
  execFileSync('tar', ['-x', '-C', root], { input: archive });
  if (lockFile(root) === lockFile(ROOT)) symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  else execFileSync('npm', ['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: root });
  return {
    commit,
    root,
    // Its sources: the compiled program exists in a package only.
    cli: join(root, packageOf(root).bin.lastseen.replace(/^dist\/(.*)\.js$/, 'src/$1.ts')),
    laterMigrations,
    remove: () => rmSync(root, { recursive: true }),
  };
}

function packageOf(root: string) {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { bin: { lastseen: string } };
}

/** The packages of a tree, without the name and version of the program itself. */
function lockFile(root: string): string {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as { packages: object };
  return JSON.stringify(Object.entries(packages).filter(([path]) => path !== ''));
}

function sqlFiles(paths: readonly string[]): readonly string[] {
  const files = paths.filter((path) => path.endsWith('.sql'));
  return files.map((path) => path.replace(/^migrations\/|\.sql$/g, '')).sort();
}

function git(...args: readonly string[]): string {
  return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}
