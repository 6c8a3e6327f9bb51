import { globSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { findBreaches, readRules } from './borders.ts';

/** Prints each breach of the table in docs/architecture.md; exit code 1 if there is one. */
const ROOT = join(import.meta.dirname, '..');
const SRC = join(ROOT, 'src');

const rules = readRules(readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8'));
const files = globSync(join(SRC, '**/*.ts')).map((file) => ({
  path: relative(SRC, file),
  text: readFileSync(file, 'utf8'),
}));
const breaches =
  rules.length === 0 ? ['docs/architecture.md: no table of folders was found'] : findBreaches(rules, files);
const crowded = Object.entries(Object.groupBy(files, ({ path }) => path.split('/').slice(0, -1).join('/')))
  .filter(([, inFolder = []]) => inFolder.length > 20)
  .map(([folder, inFolder = []]) => `src/${folder}: ${inFolder.length} files, more than 20`);
for (const line of [...breaches, ...crowded]) console.log(line);
if (breaches.length + crowded.length > 0) process.exitCode = 1;
