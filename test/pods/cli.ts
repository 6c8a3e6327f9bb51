import '../../src/cli/warnings.ts';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { onEndingSignal } from '../../stack/ended-by.ts';
import { createChecks } from './checks.ts';
import { buildImage } from './image.ts';
import { startPlatform } from './platform.ts';
import { runPods } from './run.ts';

const ROOT = join(import.meta.dirname, '../..');

interface Flags {
  readonly overlay: string;
}

async function run({ overlay }: Flags): Promise<number> {
  const refusal = whyNot();
  if (refusal !== undefined) {
    console.error(`pods: ${refusal}`);
    return 2;
  }
  const report = (line: string) => console.error(`${new Date().toISOString().slice(11, 19)} ${line}`);
  const checks = createChecks(report);
  const directory = mkdtempSync(join(tmpdir(), 'lastseen-pods-'));
  chmodSync(directory, 0o755);
  // Thousands of files: removed by a process of its own, so that the caller does not wait.
  process.once('exit', () => spawn('rm', ['-rf', directory], { detached: true, stdio: 'ignore' }).unref());
  onEndingSignal((code) => process.exit(code));
  report('memory limits: ulimit -d; the peak of resident memory is compared with the limit');
  const building = buildImage(ROOT, join(directory, 'image'));
  // Awaited below, after the stack has started.
  building.catch(() => {});
  const platform = await startPlatform(report);
  try {
    const image = await building;
    for (const line of image.skipped) report(`skipped in the Dockerfile: ${line}`);
    await runPods({ checks, platform, image, overlay: resolve(ROOT, overlay), directory });
  } catch (error) {
    checks.check('-', 'all checks ran', false, (error as Error).message);
  } finally {
    await platform.stop();
  }
  console.log(checks.page());
  return checks.allRight() ? 0 : 1;
}

/** Why this machine cannot give a process its own root, user and limits; undefined if it can. */
function whyNot(): string | undefined {
  if (process.getuid?.() !== 0)
    return 'only root can change the root directory of a process: run this as root, on Linux';
  for (const [tool, ...args] of [
    ['unshare', '--mount', '--pid', '--fork', '--propagation', 'private', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'],
    ['setpriv', '--version'],
    ['prlimit', '--version'],
    ['kubectl', 'version', '--client'],
  ] as const) {
    const { error, status, stderr } = spawnSync(tool, args, { encoding: 'utf8' });
    if (error !== undefined) return `${tool} is missing`;
    if (status !== 0) return `${tool} is not permitted: ${stderr.trim()}`;
  }
  return undefined;
}

await new Command('pods')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .description('Starts the image by the manifests, without a container engine, on the real stack.')
  .option('--overlay <directory>', 'the overlay whose pods are started', 'k8s/overlays/local')
  .addHelpText(
    'after',
    `
Needs Linux, root, kubectl, util-linux and Java 17; the first run also needs Maven. Exit code 1: a check failed. Exit code
2: this machine cannot run the checks.`,
  )
  .action(async (flags: Flags) => process.exit(await run(flags)))
  .parseAsync();
