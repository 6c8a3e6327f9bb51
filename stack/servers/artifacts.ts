import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startChild } from '../child.ts';
import { StackError, tailOf } from '../errors.ts';
import type { Guard } from '../guard.ts';

/** A directory of artifacts that a pom describes. */
interface ArtifactSource {
  readonly pom: string;
  readonly goal: 'copy' | 'copy-dependencies';
  /** Part of the name in the cache. Raise it when the content that is built from the pom changes. */
  readonly layout: string;
}

/** Prepares the directory of a downloaded artifact before it is cached. */
type Finish = (directory: string) => Promise<void>;

export interface Artifacts<Name extends string = keyof typeof STACK_ARTIFACTS> {
  /** The directory with the artifact's files, from the cache or downloaded by Maven. */
  resolve(name: Name, onDownload: () => void, finish?: Finish): Promise<string>;
}

const stackPom = (name: string) => join(import.meta.dirname, 'maven', name, 'pom.xml');

export const STACK_ARTIFACTS = {
  kafka: { pom: stackPom('kafka'), goal: 'copy-dependencies', layout: '2' },
  registry: { pom: stackPom('registry'), goal: 'copy', layout: '1' },
  connect: { pom: stackPom('connect'), goal: 'copy-dependencies', layout: '1' },
  debezium: { pom: stackPom('debezium'), goal: 'copy-dependencies', layout: '1' },
  converter: { pom: stackPom('converter'), goal: 'copy-dependencies', layout: '1' },
} as const satisfies Record<string, ArtifactSource>;

function cacheRoot(): string {
  const { XDG_CACHE_HOME: xdg } = process.env;
  return join(xdg === undefined || xdg === '' ? join(homedir(), '.cache') : xdg, 'lastseen-stack');
}

/** A directory is renamed into the cache when it is complete. Its name has the hash of its pom. */
export function createArtifacts<Name extends string>(
  sources: Readonly<Record<Name, ArtifactSource>>,
  guard: Guard,
  logDir: string,
): Artifacts<Name> {
  // One Maven at a time: two would write to the same files of the local repository.
  let last: Promise<unknown> = Promise.resolve();

  const download = async (name: Name, target: string, finish: Finish): Promise<void> => {
    const { pom, goal } = sources[name];
    if (existsSync(target)) return;
    await requireMaven();
    const work = `${target}.part-${randomUUID()}`;
    guard.removeAtEnd(work);
    const out = join(work, 'out');
    const logFile = join(logDir, `maven-${name}.log`);
    await mkdir(out, { recursive: true });
    await copyFile(pom, join(work, 'pom.xml'));
    const maven = await startChild(guard, {
      command: 'mvn',
      args: ['--batch-mode', '--no-transfer-progress', '-f', 'pom.xml', `dependency:${goal}`, `-Dout=${out}`],
      cwd: work,
      logFile,
    });
    const exit = await maven.exited;
    if (exit !== 'exited with code 0') {
      throw new StackError(
        `Maven could not download ${name} (${exit}): check the network and the repositories in ~/.m2/settings.xml${mavenErrors(logFile)}`,
      );
    }
    await finish(out);
    await rename(out, target).catch((error: NodeJS.ErrnoException) => {
      // Another run was first. Its copy is the same.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
    await rm(work, { recursive: true, force: true });
    guard.keep(work);
  };

  return {
    async resolve(name, onDownload, finish = async () => {}) {
      const { pom, layout } = sources[name];
      const hash = createHash('sha256')
        .update(layout)
        .update(await readFile(pom))
        .digest('hex')
        .slice(0, 12);
      const target = join(cacheRoot(), `${name}-${hash}`);
      if (existsSync(target)) return target;
      await mkdir(cacheRoot(), { recursive: true });
      const turn = last.then(() => {
        onDownload();
        return download(name, target, finish);
      });
      last = turn.catch(() => {});
      await turn;
      return target;
    },
  };
}

async function requireMaven(): Promise<void> {
  try {
    await promisify(execFile)('mvn', ['--version']);
  } catch (error) {
    throw new StackError(
      '`mvn` was not found or does not run: install Apache Maven (3.8 or newer); only the first run needs it',
      { cause: error },
    );
  }
}

function mavenErrors(logFile: string): string {
  const lines = tailOf(logFile, 200)
    .split('\n')
    .filter((line) => line.includes('[ERROR]'))
    .slice(0, 3);
  return lines.length === 0 ? tailOf(logFile) : `\n${lines.join('\n')}`;
}
