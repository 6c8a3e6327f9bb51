import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, matchesGlob, relative } from 'node:path';
import {
  type Copy,
  DockerfileParser,
  type Env,
  type From,
  type Instruction,
  type JSONInstruction,
} from 'dockerfile-ast';

/** A built image. */
export interface Image {
  /** The directory with the files that its instructions added to the base image. */
  readonly root: string;
  /** The base image. */
  readonly base: string;
  readonly workdir: string;
  readonly user: string;
  readonly env: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** Instructions of the Dockerfile that were not executed. */
  readonly skipped: readonly string[];
}

interface Stage extends Omit<Image, 'skipped'> {
  readonly name: string;
}

/** Instructions that change neither files nor process. */
const SAY_NOTHING = new Set(['ARG', 'LABEL', 'EXPOSE', 'HEALTHCHECK', 'STOPSIGNAL', 'SHELL']);

/**
 * Builds the files of an image by its Dockerfile: executes each COPY, by .dockerignore, and each RUN of npm in the stage's
 * own directory. The base image is not available: container-root.sh adds what it would contain, and a RUN of anything but
 * npm is skipped and reported.
 *
 * @throws Error for an instruction that is not supported.
 */
export async function buildImage(context: string, into: string): Promise<Image> {
  const dockerfile = DockerfileParser.parse(readFileSync(join(context, 'Dockerfile'), 'utf8'));
  const stages: Stage[] = [];
  const skipped: string[] = [];
  const ignored = readIgnored(context);
  for (const instruction of dockerfile.getInstructions()) {
    const keyword = instruction.getKeyword();
    const text = instruction.getArgumentsContent() ?? '';
    if (keyword === 'FROM') {
      const from = instruction as From;
      stages.push(beginStage(from, stages, join(into, String(stages.length))));
      continue;
    }
    if (SAY_NOTHING.has(keyword)) continue;
    const at = stages.length - 1;
    const stage = stages[at];
    if (stage === undefined) throw new Error(`the Dockerfile has ${keyword} before any FROM`);
    stages[at] = { ...stage, ...follow(instruction, stage) };
    if (keyword === 'COPY') copy(instruction as Copy, stage, stages, context, ignored);
    if (keyword === 'RUN') {
      for (const command of text.split('&&').map((each) => each.trim())) {
        if (/^npm /.test(command)) await run(command, stage);
        else skipped.push(`RUN ${command}`);
      }
    }
  }
  const last = stages.at(-1);
  if (last === undefined) throw new Error('the Dockerfile has no FROM');
  return { ...last, skipped };
}

function beginStage(from: From, stages: readonly Stage[], root: string): Stage {
  const name = from.getBuildStage() ?? String(stages.length);
  mkdirSync(root, { recursive: true });
  const parent = stages.find((stage) => stage.name === from.getImage());
  if (parent !== undefined) cpSync(parent.root, root, { recursive: true, verbatimSymlinks: true });
  const base = from.getImage() ?? '';
  return { base, workdir: '/', user: '0', env: {}, entrypoint: [], command: [], ...parent, root, name };
}

/** Applies an instruction that sets something of the container's process. */
function follow(instruction: Instruction, stage: Stage): Partial<Stage> {
  const text = instruction.getArgumentsContent() ?? '';
  switch (instruction.getKeyword()) {
    case 'WORKDIR': {
      mkdirSync(join(stage.root, text), { recursive: true });
      return { workdir: text.startsWith('/') ? text : join(stage.workdir, text) };
    }
    case 'USER':
      return { user: text };
    case 'ENV': {
      const set = (instruction as Env).getProperties().map((each) => [each.getName(), each.getValue() ?? '']);
      return { env: { ...stage.env, ...Object.fromEntries(set) } };
    }
    case 'ENTRYPOINT':
      return { entrypoint: words(instruction as JSONInstruction) };
    case 'CMD':
      return { command: words(instruction as JSONInstruction) };
    case 'COPY':
    case 'RUN':
      return {};
    default:
      throw new Error(`the Dockerfile's ${instruction.getKeyword()} is not supported: add it to test/pods/image.ts`);
  }
}

/** Only the exec form: the shell form needs a shell in the image. */
function words(instruction: JSONInstruction): readonly string[] {
  if (instruction.getOpeningBracket() === null) throw new Error(`${instruction.getKeyword()} is not in the exec form`);
  return instruction.getJSONStrings().map((each) => each.getJSONValue());
}

function copy(
  instruction: Copy,
  stage: Stage,
  stages: readonly Stage[],
  context: string,
  ignored: (path: string) => boolean,
): void {
  const paths = instruction.getArguments().map((argument) => argument.getValue());
  const to = paths.at(-1) ?? '';
  const source = instruction.getFromFlag()?.getValue();
  const other = stages.find(({ name }, at) => name === source || String(at) === source);
  if (source !== undefined && source !== null && other === undefined) {
    throw new Error(`COPY --from=${source}: not the name of a stage`);
  }
  const target = join(stage.root, to.startsWith('/') ? to : join(stage.workdir, to));
  const from = other?.root ?? context;
  const found = paths.slice(0, -1).flatMap((pattern) => {
    const wanted = pattern.replace(/^\//, '');
    const matches = existsSync(join(from, wanted)) ? [wanted] : globSync(wanted, { cwd: from });
    const kept = matches.filter((path) => other !== undefined || !ignored(path));
    if (kept.length === 0) throw new Error(`COPY ${pattern}: there is nothing to copy`);
    return kept.map((path) => join(from, path));
  });
  for (const path of found) {
    // The content of a directory is copied into the target, as is a file if the target is a directory.
    const intoDirectory =
      !statSync(path).isDirectory() && (to.endsWith('/') || to === '.' || found.length > 1 || isDirectory(target));
    const copied = intoDirectory ? join(target, basename(path)) : target;
    mkdirSync(dirname(copied), { recursive: true });
    // Hard links are enough for the thousands of files of a stage: nothing writes to them any more.
    if (other !== undefined) execFileSync('cp', ['-a', '--link', '-T', path, copied]);
    else
      cpSync(path, copied, {
        recursive: true,
        verbatimSymlinks: true,
        filter: (each) => !ignored(relative(context, each)),
      });
  }
}

const isDirectory = (path: string) => existsSync(path) && statSync(path).isDirectory();

async function run(command: string, stage: Stage): Promise<void> {
  const child = spawn('/bin/sh', ['-c', command], {
    cwd: join(stage.root, stage.workdir),
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...stage.env },
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`RUN ${command} ended with ${code}`);
}

/** .dockerignore: the last pattern that matches a path, or a directory above it, decides. */
function readIgnored(context: string): (path: string) => boolean {
  const file = join(context, '.dockerignore');
  if (!existsSync(file)) return () => false;
  const patterns = readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => ({ keeps: line.startsWith('!'), pattern: line.replace(/^!/, '').replace(/^\/|\/$/g, '') }));
  return (path) => {
    if (path === '' || path === '.') return false;
    const above = path.split('/').map((_, at, parts) => parts.slice(0, at + 1).join('/'));
    const last = patterns.findLast(({ pattern }) => above.some((each) => matchesGlob(each, pattern)));
    // Files below an excluded directory may be included again.
    const keepsBelow = patterns.some(({ keeps, pattern }) => keeps && pattern.startsWith(`${path}/`));
    return last !== undefined && !last.keeps && !keepsBelow;
  };
}
