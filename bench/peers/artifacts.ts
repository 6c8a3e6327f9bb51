import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Guard } from '../../stack/guard.ts';
import { type Artifacts, createArtifacts } from '../../stack/servers/artifacts.ts';

const pom = (name: string) => join(import.meta.dirname, '../maven', name, 'pom.xml');

const PEER_ARTIFACTS = {
  'jdbc-sink': { pom: pom('jdbc-sink'), goal: 'copy-dependencies', layout: '1' },
  'kafka-streams': { pom: pom('kafka-streams'), goal: 'copy-dependencies', layout: '1' },
} as const;

export type PeerArtifacts = Artifacts<keyof typeof PEER_ARTIFACTS>;

export function peerArtifacts(guard: Guard, logDir: string): PeerArtifacts {
  return createArtifacts(PEER_ARTIFACTS, guard, logDir);
}

/** A directory for a Connect worker's plugin path. */
export function resolveJdbcSink(artifacts: PeerArtifacts, onDownload: () => void): Promise<string> {
  return artifacts.resolve('jdbc-sink', onDownload, async (directory) => {
    const jarsDirectory = `${directory}-jars`;
    await rename(directory, jarsDirectory);
    mkdirSync(directory);
    await rename(jarsDirectory, join(directory, 'debezium-jdbc'));
  });
}

/** Compiles the Kafka Streams program and returns its class path. */
export async function resolveStreams(
  artifacts: PeerArtifacts,
  java: string,
  workDir: string,
  onDownload: () => void,
): Promise<string> {
  const jars = join(await artifacts.resolve('kafka-streams', onDownload), '*');
  const classes = join(workDir, 'streams-classes');
  mkdirSync(classes, { recursive: true });
  // `javac` is next to `java`, or on the path like it.
  const javac = java.includes('/') ? join(dirname(java), 'javac') : 'javac';
  const source = join(import.meta.dirname, 'LastSeenStreams.java');
  await promisify(execFile)(javac, ['-cp', jars, '-d', classes, source]);
  return `${classes}:${jars}`;
}
