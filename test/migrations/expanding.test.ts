import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { contractions } from './contractions.ts';

const ROOT = join(import.meta.dirname, '../..');
const FILES = readdirSync(join(ROOT, 'migrations')).filter((name) => name.endsWith('.sql'));
const CHANGELOG = readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8');

/** The first release contained all of these, so no release ran beside one of them. */
const BEFORE_THE_FIRST_RELEASE = FILES.filter((name) => name <= '0011_last_record.sql');

/** One line per contraction, above the statement: `-- Contraction: drop column sweep_run.threshold_days; unused since 0.2.0`. */
const ADMITTED = /^-- Contraction: (.+); (.+)$/gm;

/** The contractions of a migration that have no valid reason. */
async function unexplained(name: string, sql: string): Promise<readonly string[]> {
  const admitted = new Map([...sql.matchAll(ADMITTED)].map(([, what = '', why = '']) => [what, why]));
  const isExplained = (what: string) => {
    const why = admitted.get(what);
    if (why === undefined) return false;
    if (why === 'before the first release') return BEFORE_THE_FIRST_RELEASE.includes(name);
    if (why === 'slower without it, not wrong') return what.startsWith('drop index ');
    if (why === 'writes only new tables') return what.startsWith('add trigger ');
    if (why === 'wider than what it replaces') return sql.includes(`DROP CONSTRAINT ${what.split('.').at(-1)},`);
    const release = /^unused since (\d+\.\d+\.\d+)$/.exec(why)?.[1];
    return release !== undefined && CHANGELOG.includes(`\n## ${release}`);
  };
  return (await contractions(sql)).filter((what) => !isExplained(what));
}

describe('a migration', () => {
  it.each(FILES)('%s takes nothing away from the release before it', async (name) => {
    expect(await unexplained(name, readFileSync(join(ROOT, 'migrations', name), 'utf8'))).toEqual([]);
  });

  it.each([
    ['DROP TABLE lastseen.episode', 'drop episode'],
    ['DROP TYPE lastseen.phase', 'drop phase'],
    ['ALTER TABLE lastseen.episode DROP COLUMN passed', 'drop column episode.passed'],
    ['ALTER TABLE lastseen.episode RENAME COLUMN passed TO gone', 'rename episode.passed'],
    ['ALTER TABLE lastseen.episode RENAME TO silence', 'rename episode'],
    ['ALTER TABLE lastseen.episode ALTER COLUMN passed SET NOT NULL', 'set not null episode.passed'],
    ['ALTER TABLE lastseen.episode ALTER COLUMN threshold_days TYPE smallint', 'change type episode.threshold_days'],
    ['ALTER TABLE lastseen.episode ADD COLUMN why text NOT NULL', 'add column episode.why'],
    ['ALTER TABLE lastseen.episode ADD COLUMN why text UNIQUE', 'add column episode.why'],
    ['ALTER TABLE lastseen.episode ADD CONSTRAINT c CHECK (passed)', 'add constraint episode.c'],
    ['ALTER TABLE lastseen.episode ALTER COLUMN passed DROP DEFAULT', 'AT_ColumnDefault episode.passed'],
    ['CREATE UNIQUE INDEX one ON lastseen.episode (student_id)', 'add unique index episode.one'],
    ['UPDATE lastseen.episode SET passed = true', 'update episode.passed'],
    ['DROP INDEX lastseen.episode_open', 'drop index episode_open'],
    [
      'CREATE TRIGGER t AFTER INSERT ON lastseen.episode FOR EACH STATEMENT EXECUTE FUNCTION lastseen.f()',
      'add trigger episode.t',
    ],
    ['CREATE OR REPLACE FUNCTION lastseen.f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$', 'replace function f'],
    ['TRUNCATE lastseen.episode', 'TruncateStmt'],
  ])('is rejected if it takes something away: %s', async (statement, what) => {
    const sql = `-- Up Migration\n${statement};\n-- Down Migration\nSELECT 1;`;
    expect(await unexplained('9999_later.sql', sql)).toEqual([what]);
    expect(await unexplained('9999_later.sql', `-- Contraction: ${what}; unused since 99.0.0\n${sql}`)).toEqual([what]);
    expect(await unexplained('9999_later.sql', `-- Contraction: ${what}; before the first release\n${sql}`)).toEqual([
      what,
    ]);
  });

  it.each([
    ['DROP TABLE lastseen.episode', 'drop episode', 'slower without it, not wrong'],
    ['DROP TABLE lastseen.episode', 'drop episode', 'writes only new tables'],
    ['DROP INDEX lastseen.episode_open', 'drop index episode_open', 'writes only new tables'],
  ])('is rejected if the reason is that of something else: %s; %s; %s', async (statement, what, why) => {
    expect(await unexplained('9999_later.sql', `-- Contraction: ${what}; ${why}\n${statement};`)).toEqual([what]);
  });

  it.each([
    'CREATE FUNCTION lastseen.f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
    'CREATE TABLE lastseen.t (a int); CREATE TRIGGER t AFTER INSERT ON lastseen.t FOR EACH STATEMENT EXECUTE FUNCTION lastseen.f()',
    '-- Contraction: drop index episode_open; slower without it, not wrong\nDROP INDEX lastseen.episode_open',
    'CREATE TABLE lastseen.t (a int NOT NULL); CREATE UNIQUE INDEX i ON lastseen.t (a); ALTER TABLE lastseen.t ADD CHECK (a > 0)',
    'ALTER TABLE lastseen.episode ADD COLUMN why text, ADD COLUMN n int NOT NULL DEFAULT 0',
    'ALTER TABLE lastseen.episode ADD COLUMN n int; UPDATE lastseen.episode SET n = 1',
    'CREATE INDEX i ON lastseen.episode (student_id)',
    'ALTER TABLE lastseen.t DROP COLUMN a; ALTER TABLE lastseen.t ADD COLUMN a int NOT NULL GENERATED ALWAYS AS (b + c) STORED',
  ])('is accepted if it takes nothing away: %s', async (sql) => {
    expect(
      await unexplained('9999_later.sql', `-- Up Migration\n${sql};\n-- Down Migration\nDROP TABLE lastseen.episode;`),
    ).toEqual([]);
  });
});
