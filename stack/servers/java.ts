import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { StackError } from '../errors.ts';

const OLDEST_JAVA = 17;

const FIX = `install a JDK ${OLDEST_JAVA} or newer and have \`java\` on the PATH, or set JAVA_HOME`;

/** "17.0.15" → 17, "1.8.0_402" → 8, from the output of `java -version`; undefined when it says neither. */
export function javaMajor(versionOutput: string): number | undefined {
  const match = /version "(?:1\.)?(\d+)/.exec(versionOutput);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

/** The java to run, once it is known to be new enough. */
export async function findJava(): Promise<string> {
  const { JAVA_HOME: home } = process.env;
  const java = home === undefined || home === '' ? 'java' : join(home, 'bin', 'java');
  let output: string;
  try {
    output = (await promisify(execFile)(java, ['-version'])).stderr;
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new StackError(missing ? `${java} was not found: ${FIX}` : `\`${java} -version\` failed: ${FIX}`, {
      cause: error,
    });
  }
  const major = javaMajor(output);
  if (major === undefined || major < OLDEST_JAVA) {
    throw new StackError(
      `${java} is Java ${major ?? 'of an unknown version'}, ${OLDEST_JAVA} is the oldest that works: ${FIX}`,
    );
  }
  return java;
}

/** Flags of every JVM here: small, quick to start, and no files outside the run directory. */
export function jvmFlags(options: { heapMb: number; tempDir: string; quickStart: boolean }): string[] {
  return [
    `-Xmx${options.heapMb}m`,
    '-Xms64m',
    '-XX:+UseSerialGC',
    '-XX:-UsePerfData',
    '-XX:+ExitOnOutOfMemoryError',
    `-XX:ErrorFile=${options.tempDir}/hs_err.log`,
    ...(options.quickStart ? ['-XX:TieredStopAtLevel=1'] : []),
    '-Xshare:auto',
    `-Djava.io.tmpdir=${options.tempDir}`,
    '-Djava.awt.headless=true',
    '-Dlog4j2.disableJmx=true',
  ];
}

export function log4jFlag(): string {
  return `-Dlog4j2.configurationFile=${join(import.meta.dirname, 'log4j2.properties')}`;
}
