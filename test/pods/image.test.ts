import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildImage } from './image.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lastseen-image-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function build(files: Readonly<Record<string, string>>) {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, 'context', path)), { recursive: true });
    writeFileSync(join(directory, 'context', path), text);
  }
  return buildImage(join(directory, 'context'), join(directory, 'image'));
}

describe('an image', () => {
  it('contains what its last stage copies from the context and from other stages, and the settings of its process', async () => {
    const image = await build({
      'src/cli.ts': 'cli',
      'package.json': '{"name":"x","version":"1.0.0"}',
      Dockerfile: `
# syntax=docker/dockerfile:1
FROM node:24-slim AS packages
WORKDIR /app
COPY package.json ./
RUN --mount=type=cache,target=/root/.npm npm install --offline --no-audit && rm -rf /tmp/x
FROM packages AS same
FROM node:24-slim
LABEL a=b
WORKDIR /app
ENV NODE_ENV=production OTHER="a b"
COPY --from=same /app/package-lock.json /app/package.json ./
COPY src ./src
USER 65532:65532
HEALTHCHECK NONE
ENTRYPOINT ["node", "/app/src/cli.ts"]
CMD ["--help"]
`,
    });
    expect(image).toMatchObject({
      base: 'node:24-slim',
      workdir: '/app',
      user: '65532:65532',
      env: { NODE_ENV: 'production', OTHER: 'a b' },
      entrypoint: ['node', '/app/src/cli.ts'],
      command: ['--help'],
      skipped: ['RUN rm -rf /tmp/x'],
    });
    expect(readFileSync(join(image.root, 'app/src/cli.ts'), 'utf8')).toBe('cli');
    expect(existsSync(join(image.root, 'app/package-lock.json'))).toBe(true);
  });

  it('does not contain what .dockerignore excludes', async () => {
    const image = await build({
      'src/a.ts': '',
      'src/a.test.ts': '',
      'docs/b.md': '',
      'docs/keep.md': '',
      '.dockerignore': '# all but\n*\n!src\n!docs/keep.md\n**/*.test.ts\n',
      Dockerfile: 'FROM node:24-slim\nCOPY . /app/\n',
    });
    const has = (path: string) => existsSync(join(image.root, 'app', path));
    expect(['src/a.ts', 'docs/keep.md', 'src/a.test.ts', 'docs/b.md', 'Dockerfile'].filter(has)).toEqual([
      'src/a.ts',
      'docs/keep.md',
    ]);
  });

  it.each([
    ['FROM node\nCOPY src ./', 'nothing to copy'],
    ['FROM node\nCOPY --from=elsewhere /a /b', 'not the name of a stage'],
    ['FROM node\nADD https://example.org/x /x', 'ADD is not supported'],
    ['FROM node\nENTRYPOINT node /app/cli.ts', 'not in the exec form'],
    ['USER 1', 'before any FROM'],
    ['FROM node\nWORKDIR /app\nRUN npm run no-such-script', 'ended with'],
  ])('is not built from an unsupported Dockerfile: %j', async (text, why) => {
    await expect(build({ Dockerfile: `${text}\n` })).rejects.toThrow(why);
  });
});
