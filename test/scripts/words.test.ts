import { expect, test } from 'vitest';
import { findWords } from '../../scripts/words.ts';

// words: allow. Each of these lines must be found.
test.each([
  ['how to mend it', 'mend'], // words: allow
  ['Every mistake is told at once', 'told'], // words: allow
  ['toldAt = 0', 'told'], // words: allow
  ['a row that stands', 'stands'], // words: allow
  ['undefined where it is unknown', 'where it'], // words: allow
  ['one row a learner', 'row a learner'], // words: allow
  ['of completed runs alone', 'alone'], // words: allow
  ['null where unknown', 'where unknown'], // words: allow
  ['fails where another pool is open', 'where another'], // words: allow
  ['it has a column a name', 'has a column a name'], // words: allow
  ['how far it is, lest it stop', 'lest'], // words: allow
  ['what it says of a learner', 'says of'], // words: allow
  ['hold last seen against the source tables', 'hold last seen against'], // words: allow
  ['npx lastseen sweep', 'npx lastseen'], // words: allow
  ['npx --yes @seedtest/lastseen sweep', 'npx --yes @seedtest/lastseen'], // words: allow
  ['npx lastseen sweep --no-color', 'npx lastseen'], // words: allow
  ['npm install -g lastseen', 'npm install -g lastseen'], // words: allow
])('finds the word in %j', (text, word) => {
  expect(findWords(`fine\n${text}`)).toContainEqual({ line: 2, word, instead: expect.any(String) });
});

test.each([
  'WHERE status = 1',
  'the standard profile',
  'it is left alone',
  'a standby',
  'published_at = NULL WHERE id = 1',
  'has one row per learner',
  'npx --no-install lastseen sweep',
  'npm install ./seedtest-lastseen-1.0.0.tgz',
  'npm run --silent lastseen -- sweep',
])('accepts %j', (text) => {
  expect(findWords(text)).toEqual([]);
});

test('accepts a line that is marked as a quotation', () => {
  expect(findWords('mend // words: allow')).toEqual([]);
});
