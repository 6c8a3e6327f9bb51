import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startChild } from './child.ts';
import { StackError, tailOf } from './errors.ts';
import type { Guard } from './guard.ts';

type ArtifactName = 'kafka' | 'registry' | 'connect' | 'debezium' | 'converter';

/** What is done in a fresh artifact's directory before it is kept for later runs. */
type Finish = (directory: string) => Promise<void>;

export interface Artifacts {
  /** The directory with the artifact's files: from the cache, or brought by Maven once. */
  resolve(name: ArtifactName, onDownload: () => void, finish?: Finish): Promise<string>;
}

const GOAL: Record<ArtifactName, string> = {
  kafka: 'copy-dependencies',
  registry: 'copy',
  connect: 'copy-dependencies',
  debezium: 'copy-dependencies',
  converter: 'copy-dependencies',
};

// Part of each name in the cache: to be raised when what is made from a pom changes.
const LAYOUT: Record<ArtifactName, string> = { kafka: '2', registry: '1', connect: '1', debezium: '1', converter: '1' };

function cacheRoot(): string {
  const { XDG_CACHE_HOME: xdg } = process.env;
  return join(xdg === undefined || xdg === '' ? join(homedir(), '.cache') : xdg, 'lastseen-stack');
}

/** An artifact's directory appears by one rename, complete; its name holds the hash of the pom it was made from. */
export function createArtifacts(guard: Guard, logDir: string): Artifacts {
  // One Maven at a time: two of them would race on the same files of the local repository.
  let last: Promise<unknown> = Promise.resolve();

  const download = async (name: ArtifactName, pom: string, target: string, finish: Finish): Promise<void> => {
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
      args: ['--batch-mode', '--no-transfer-progress', '-f', 'pom.xml', `dependency:${GOAL[name]}`, `-Dout=${out}`],
      cwd: work,
      logFile,
    });
    const ending = await maven.exited;
    if (ending !== 'exited with code 0') {
      throw new StackError(
        `Maven could not download ${name} (${ending}): check the network and the repositories in ~/.m2/settings.xml${mavenErrors(logFile)}`,
      );
    }
    await finish(out);
    await rename(out, target).catch((error: NodeJS.ErrnoException) => {
      // A run beside this one was first; its copy is as good.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
    await rm(work, { recursive: true, force: true });
    guard.keep(work);
  };

  return {
    async resolve(name, onDownload, finish = async () => {}) {
      const pom = join(import.meta.dirname, 'maven', name, 'pom.xml');
      const hash = createHash('sha256')
        .update(LAYOUT[name])
        .update(await readFile(pom))
        .digest('hex')
        .slice(0, 12);
      const target = join(cacheRoot(), `${name}-${hash}`);
      if (existsSync(target)) return target;
      await mkdir(cacheRoot(), { recursive: true });
      const turn = last.then(() => {
        onDownload();
        return download(name, pom, target, finish);
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
