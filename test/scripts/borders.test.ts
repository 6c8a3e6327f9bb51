import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { findBreaches, readRules, type SourceFile } from '../../scripts/borders.ts';

const RULES = readRules(`
| folder | kind | holds | imports |
| --- | --- | --- | --- |
| \`activity/\` | rules | records | |
| \`postgres/\` | base | pool | \`activity\` |
| \`kafka/client/\` | base | driver | |
| \`history/\` | capability | runs | \`activity\`, \`postgres\` |
| \`sweep/\` | capability | sweep | \`postgres\`, \`history\` |
`);

const CLEAN: readonly SourceFile[] = [
  { path: 'activity/source.ts', text: '' },
  { path: 'postgres/database.ts', text: "import pg from 'pg';\nimport { x } from '../activity/source.ts';" },
  { path: 'kafka/client/client.ts', text: "import kafkajs from 'kafkajs';" },
  {
    path: 'history/runs-store.ts',
    text: "import { a } from '../activity/source.ts';\nimport { b } from '../postgres/database.ts';",
  },
  { path: 'history/usual.ts', text: "import type { Run } from './runs-store.ts';" },
  {
    path: 'sweep/pipeline.ts',
    text: "import { b } from '../postgres/database.ts';\nimport { r } from '../history/runs-store.ts';",
  },
  { path: 'sweep/command.ts', text: "import { sweep } from './pipeline.ts';" },
  { path: 'sweep/hold.ts', text: "import { median } from '../history/usual.ts';" },
];

test('finds nothing in files that keep the borders', () => {
  expect(findBreaches(RULES, CLEAN)).toEqual([]);
});

test.each([
  [
    'a folder that the row does not name',
    'history/a.ts',
    "import { s } from '../sweep/hold.ts';",
    'may not import sweep/',
  ],
  ['a type of such a folder', 'history/a.ts', "import type { S } from '../sweep/hold.ts';", 'may not import sweep/'],
  ['a re-export of such a folder', 'history/a.ts', "export { s } from '../sweep/hold.ts';", 'may not import sweep/'],
  ['a dynamic import of such a folder', 'history/a.ts', "await import('../sweep/hold.ts');", 'may not import sweep/'],
  ['pg outside postgres/', 'sweep/a-store.ts', "import pg from 'pg';", 'only postgres/ does'],
  ['kafkajs outside kafka/', 'sweep/wiring.ts', "import { Kafka } from 'kafkajs';", 'only kafka/ does'],
  ['the environment outside cli/', 'sweep/command.ts', "import process from 'node:process';", 'only cli/ does'],
  ['a built-in module with I/O in a rule', 'activity/a.ts', "import { readFileSync } from 'node:fs';", 'does no I/O'],
  ['a built-in module with I/O in a pure file', 'sweep/a.ts', "import fs from 'node:fs/promises';", 'does no I/O'],
  ['a store in a pure file', 'history/a.ts', "import { list } from './runs-store.ts';", 'does none'],
  ['a pure file that imports a pool', 'sweep/a.ts', "import { b } from '../postgres/database.ts';", 'does none'],
  ['a command of another folder', 'history/a-wiring.ts', "import { c } from '../sweep/command.ts';", 'may not import'],
  ['a folder without a row', 'stray/a.ts', '', 'has no row'],
])('finds %s', (_what, path, text, message) => {
  const breaches = findBreaches(RULES, [...CLEAN, { path, text }]);
  expect(breaches).toHaveLength(1);
  expect(breaches[0]).toContain(message);
});

test('finds a row that names a folder below it, so the graph stays acyclic', () => {
  const rules = RULES.map((rule) => (rule.folder === 'activity' ? { ...rule, imports: new Set(['postgres']) } : rule));
  expect(findBreaches(rules, CLEAN)).toContain(
    'docs/architecture.md: the row of activity/ names postgres/, which is not above it',
  );
});

test('finds a row that names an import which is gone, and a row without a folder', () => {
  const files = CLEAN.filter(({ path }) => !path.startsWith('sweep/'));
  const without = files.map((file) => (file.path === 'history/runs-store.ts' ? { ...file, text: '' } : file));
  expect(findBreaches(RULES, without)).toEqual([
    'docs/architecture.md: history/ no longer imports activity/',
    'docs/architecture.md: history/ no longer imports postgres/',
    'docs/architecture.md: there is no folder src/sweep/',
  ]);
});

test('finds a planted breach of each row of the real table', () => {
  const page = readFileSync(new URL('../../docs/architecture.md', import.meta.url), 'utf8');
  const rules = readRules(page);
  expect(rules.length).toBeGreaterThan(20);
  for (const { folder, imports } of rules) {
    const other = rules.find((each) => each.folder !== folder && !imports.has(each.folder));
    if (other === undefined) continue;
    const up = '../'.repeat(folder.split('/').length);
    const planted = { path: `${folder}/planted-store.ts`, text: `import type { X } from '${up}${other.folder}/x.ts';` };
    expect(findBreaches(rules, [planted])).toContainEqual(
      `src/${planted.path} imports ${up}${other.folder}/x.ts: ${folder}/ may not import ${other.folder}/`,
    );
  }
});
