import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { unwantedIn } from './contents.ts';

it.each([
  ['dist/sweep/hold.test.js', ''],
  ['test/sweep/hold.test.ts', ''],
  ['k8s/components/monitoring/lastseen.rules.test.yml', ''],
  ['dist/cli.js.map', ''],
  ['dist/cli.ts', ''],
  ['.npmrc', ''],
  ['dist/server.key', ''],
  ['src/cli.ts', ''],
  ['dist/cli.js', '//# sourceMappingURL=cli.js.map'],
  ['dist/cli.js', 'at file:///home/builder/lastseen/src/cli.ts'],
  ['docs/deploying.md', '-----BEGIN RSA PRIVATE KEY-----'],
  ['k8s/overlays/local/kustomization.yaml', 'database-url=postgres://lastseen_track:local@postgres:5432/seedtest'],
  ['README.md', '//registry.example.com/:_authToken=abc'],
])('finds what does not belong into %s', (path, text) => {
  expect(unwantedIn([{ path, text }], ['/home/builder/lastseen'])).not.toEqual([]);
});

it.each([
  ['dist/cli.js', "'postgres://user:password@host:5432/database'"],
  ['dist/index.d.ts', ''],
  ['LICENSE', ''],
  ['docs/deploying.md', 'postgres://…'],
  ['package.json', '{}'],
])('accepts %s', (path, text) => {
  expect(unwantedIn([{ path, text }], ['/home/builder/lastseen'])).toEqual([]);
});

it('has a scoped name, and cannot be published by accident', () => {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  expect(JSON.parse(text)).toMatchObject({ name: expect.stringMatching(/^@[a-z]+\/lastseen$/), private: true });
});
