import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Part } from '../part.ts';
import type { Artifacts } from './artifacts.ts';
import { jvmFlags } from './java.ts';

interface RegistryOptions {
  readonly java: string;
  readonly artifacts: Artifacts;
  readonly runDir: string;
  readonly logDir: string;
  readonly port: number;
}

// Not unpacked by Maven: the old plugin that would do it cuts file names at 100 bytes.
async function unpack(directory: string): Promise<void> {
  const archive = 'apicurio-registry-app-3.0.9-all.tar.gz';
  await promisify(execFile)('tar', ['-xzf', archive], { cwd: directory });
  await rm(join(directory, archive));
}

export function createRegistry({ java, artifacts, runDir, logDir, port }: RegistryOptions): Part {
  const home = join(runDir, 'registry');
  let app = '';

  return {
    ports: [port],

    async prepare(onDownload) {
      app = await artifacts.resolve('registry', onDownload, unpack);
      mkdirSync(join(home, 'tmp'), { recursive: true });
    },

    command: () => ({
      command: java,
      args: [
        ...jvmFlags({ heapMb: 256, tempDir: join(home, 'tmp'), quickStart: true }),
        '-Dquarkus.http.host=127.0.0.1',
        `-Dquarkus.http.port=${port}`,
        '-Dquarkus.banner.enabled=false',
        // Stored in a file and written through: schema ids must survive killPart and startPart.
        `-Dapicurio.datasource.url=jdbc:h2:file:${join(home, 'schemas')};WRITE_DELAY=0`,
        ...['-jar', join(app, 'apicurio-registry-app-3.0.9-runner.jar')],
      ],
      cwd: home,
      logFile: join(logDir, 'registry.log'),
    }),

    async isReady() {
      const response = await fetch(`http://127.0.0.1:${port}/apis/ccompat/v7/subjects`, {
        signal: AbortSignal.timeout(2_000),
      });
      return response.ok;
    },
  };
}
