import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PACKAGE } from '../../src/runtime/package.ts';
import { rolesSql } from '../../stack/roles.ts';
import type { CliRun, StartedCli } from '../support/lastseen-cli.ts';
import { waitFor } from '../support/waiting.ts';
import { createWorld, type World } from '../support/world.ts';
import { unwantedIn } from './contents.ts';

const ROOT = join(import.meta.dirname, '../..');
const directory = mkdtempSync(join(tmpdir(), 'lastseen-package-'));
/** A folder that had nothing in it before the tarball was installed. */
const folder = join(directory, 'installed');
const installed = join(folder, 'node_modules/@seedtest/lastseen');
const cli = join(installed, PACKAGE.bin.lastseen);

/** As in a shell of somebody who has installed Node: without what npm sets for a script of this project. */
const env = {
  ...Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(npm_(?!config_(registry|cache|cafile|userconfig))|INIT_CWD|NODE)/.test(name),
    ),
  ),
  PATH: [join(folder, 'node_modules/.bin'), dirname(process.execPath), process.env['PATH']].join(delimiter),
};
const inFolder = (command: string, ...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, env, encoding: 'utf8' });
  return { status, stdout, stderr };
};

let world: World;
beforeAll(async () => {
  const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', directory], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  const { filename } = Object.values(JSON.parse(packed.slice(packed.search(/^[[{]/m))) as object)[0] as {
    filename: string;
  };
  mkdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const args = ['install', '--prefer-offline', '--no-audit', '--no-fund', join(directory, filename)];
  expect(inFolder('npm', ...args)).toMatchObject({ status: 0 });
  world = await createWorld();
});
afterAll(async () => {
  await world?.close();
  rmSync(directory, { recursive: true, force: true });
});

const filesOf = (root: string, below: string) =>
  readdirSync(join(root, below), { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name).slice(root.length + 1));

it('contains the compiled program and all that it reads, and nothing else', () => {
  const files = filesOf(installed, '.').filter((path) => !path.startsWith('node_modules/'));
  const texts = files.map((path) => ({ path, text: readFileSync(join(installed, path), 'utf8') }));
  expect(unwantedIn(texts, [ROOT, homedir(), directory])).toEqual([]);
  const compiled = filesOf(ROOT, 'src').map((path) => path.replace(/^src\/(.*)\.ts$/, 'dist/$1.js'));
  expect(files.filter((path) => path.endsWith('.js')).sort()).toEqual(compiled.sort());
  expect(files).toEqual(
    expect.arrayContaining([...filesOf(ROOT, 'migrations'), ...filesOf(ROOT, 'schemas'), 'LICENSE']),
  );
});

it('is a command of its folder, also for npx, which fetches nothing', () => {
  const version = { status: 0, stdout: `${PACKAGE.version}\n`, stderr: '' };
  expect(inFolder('lastseen', '--version')).toEqual(version);
  expect(inFolder('npx', '--no-install', 'lastseen', '--version')).toMatchObject({ status: 0, stdout: version.stdout });
  expect(inFolder('lastseen', '--help')).toMatchObject({ status: 0, stderr: '' });
  expect(inFolder('lastseen', 'sweep', '--print-config')).toMatchObject({ status: 0, stderr: '' });
  expect(inFolder('lastseen', 'swep')).toMatchObject({ status: 2, stdout: '' });
  const typed = 'COMP_WORDS=(lastseen sweep a); COMP_CWORD=2; _lastseen; echo "$COMPREPLY"';
  const completion = inFolder('bash', '-c', `source <(lastseen completion bash); ${typed}`);
  expect(completion).toEqual({ status: 0, stdout: 'approve\n', stderr: '' });
});

it('has types of its events for programs in TypeScript', () => {
  const program = `import type { InactivityEvent, KpiUpdatedEvent } from '@seedtest/lastseen';
export const isCrossed = ({ phase, as_of }: InactivityEvent): boolean => phase === 'CROSSED' && as_of > 0n;
export const isRisk = ({ S }: KpiUpdatedEvent): boolean => S !== null && S > 0.5;
`;
  // A program for Node has these.
  const nodeTypes = ['--typeRoots', join(ROOT, 'node_modules/@types'), '--types', 'node'];
  const compile = (text: string) => {
    writeFileSync(join(folder, 'reader.ts'), text);
    const flags = ['--noEmit', '--strict', '--skipLibCheck', 'false', '--module', 'nodenext', '--target', 'es2024'];
    return inFolder(join(ROOT, 'node_modules/.bin/tsc'), ...flags, ...nodeTypes, 'reader.ts');
  };
  expect(compile(program)).toMatchObject({ status: 0, stdout: '' });
  expect(compile(program.replace("'CROSSED'", "'GONE'")).stdout).toMatch(/^reader\.ts\(2,\d+\): error TS2367/);
  const schema = '@seedtest/lastseen/schemas/lastseen.inactivity.v1.avsc';
  const read = `process.stdout.write(JSON.parse(fs.readFileSync(require.resolve('${schema}'), 'utf8')).name)`;
  expect(inFolder('node', '-e', read)).toMatchObject({ status: 0, stdout: 'InactivityEvent' });
});

it('refuses another Node with one line', () => {
  const file = join(installed, 'package.json');
  const text = readFileSync(file, 'utf8');
  try {
    writeFileSync(file, text.replace(PACKAGE.engines.node, '^99.1.0'));
    const { status, stdout, stderr } = inFolder('lastseen', '--version');
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr.trim().split('\n')).toEqual([expect.stringContaining('^99.1.0')]);
  } finally {
    writeFileSync(file, text);
  }
});

it('installs itself beside Postgres and Kafka, and tracks', async () => {
  const query = (text: string) => world.database.query<Record<string, unknown>>({ text });
  await query('DROP SCHEMA lastseen CASCADE');
  await query(rolesSql());
  for (const args of [['migrate'], ['topics'], ['schemas', 'register']]) {
    await done(world.startOf(cli, ...args));
    if (args[0] === 'migrate') await query(rolesSql());
  }
  await world.connect();
  const track = world.startOf(cli, 'track');
  await query(`INSERT INTO session (id, user_id, started_at) VALUES ('1', 'anna', now() - interval '9 days')`);
  await waitFor(
    'anna is tracked',
    async () => (await query('SELECT FROM lastseen.user_last_seen')).count === 1,
    60_000,
  );
  track.process.kill('SIGTERM');
  await done(track);
});

async function done(run: StartedCli): Promise<CliRun> {
  const ended = await run.ended;
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  return ended;
}
