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
  // Thousands of files, which nobody has to wait for.
  process.once('exit', () => spawn('rm', ['-rf', directory], { detached: true, stdio: 'ignore' }).unref());
  onEndingSignal((code) => process.exit(code));
  report('memory limits: ulimit -d, and the most that was resident against the limit itself');
  const building = buildImage(ROOT, join(directory, 'image'));
  // Looked at below, when the stack is there.
  building.catch(() => {});
  const platform = await startPlatform(report);
  try {
    const image = await building;
    for (const line of image.passedOver) report(`passed over: ${line}`);
    await runPods({ checks, platform, image, overlay: resolve(ROOT, overlay), directory });
  } catch (error) {
    checks.check('-', 'all was looked at', false, (error as Error).message);
  } finally {
    await platform.stop();
  }
  console.log(checks.page());
  return checks.allRight() ? 0 : 1;
}

/** What is missing to give a process a root, a user and limits of its own. */
function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root may give processes a root of their own: run it as root, on Linux';
  for (const [tool, ...args] of [
    ['unshare', '--mount', '--pid', '--fork', '--propagation', 'private', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'],
    ['setpriv', '--version'],
    ['prlimit', '--version'],
    ['kubectl', 'version', '--client'],
  ] as const) {
    const { error, status, stderr } = spawnSync(tool, args, { encoding: 'utf8' });
    if (error !== undefined) return `${tool} is missing`;
    if (status !== 0) return `${tool} is refused: ${stderr.trim()}`;
  }
  return undefined;
}

await new Command('pods')
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .description('Starts the image as the manifests say, without a container engine, on the real stack.')
  .option('--overlay <directory>', 'the overlay whose pods are started', 'k8s/overlays/local')
  .addHelpText(
    'after',
    `
Needs Linux, root, kubectl, util-linux, Java 17; the first run also needs Maven. Exits 1 where a check fails, 2 where
it cannot be tried here.`,
  )
  .action(async (flags: Flags) => process.exit(await run(flags)))
  .parseAsync();
