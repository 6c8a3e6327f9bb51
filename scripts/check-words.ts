import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { findWords } from './words.ts';

/** Prints each use of a word that the project avoids; exit code 1 if there is one. Arguments: files or folders. */
const CHECKED = ['src', 'test', 'bench', 'stack', 'scripts', 'migrations', 'docs', 'k8s', '*.md'];
const TEXT = /\.(ts|md|sql|ya?ml|py|sh|java|json)$/;

const places = process.argv.length > 2 ? process.argv.slice(2) : CHECKED;
const tracked = execFileSync('git', ['ls-files', '-co', '--exclude-standard', ...places], { encoding: 'utf8' });
let findings = 0;
for (const file of new Set(tracked.split('\n'))) {
  if (!TEXT.test(file) || file.startsWith('scripts/words') || file === 'package-lock.json') continue;
  for (const { line, word, instead } of findWords(readFileSync(file, 'utf8'))) {
    findings += 1;
    console.log(`${file}:${line}: "${word}": write ${instead}`);
  }
}
if (findings > 0) {
  console.log(`${findings} words to replace; scripts/words.ts lists them with what to write instead`);
  process.exitCode = 1;
}
