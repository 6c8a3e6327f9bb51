import { describe, expect, it } from 'vitest';
import { SOURCES } from '../../src/activity/source.ts';
import { sourceTable, sourceTables, unreadableTables } from '../../src/preflight/source-tables.ts';

const TABLE = {
  source: 'session',
  database: 'platform',
  exists: true,
  missing: [],
  unreadable: [],
  learnerType: 'text',
  hasLearnerIndex: true,
} as const;
const SETTING = 'SOURCE_DATABASE_URL';

describe('a source table', () => {
  it.each([
    ['a complete source table', 'ok', sourceTable(TABLE)],
    ['padded user ids', 'ok', sourceTable({ ...TABLE, learnerType: 'character' })],
    ['user ids of type uuid', 'warning', sourceTable({ ...TABLE, learnerType: 'uuid' })],
    ['no index of the learner', 'warning', sourceTable({ ...TABLE, hasLearnerIndex: false })],
    ['user ids that are numbers', 'failed', sourceTable({ ...TABLE, learnerType: 'bigint' })],
    ['student ids of type text', 'warning', sourceTable({ ...TABLE, source: 'attempt' })],
    ['a missing source table', 'failed', sourceTable({ ...TABLE, exists: false })],
    ['a missing column', 'failed', sourceTable({ ...TABLE, missing: ['c'] })],
    ['an unreadable column', 'failed', sourceTable({ ...TABLE, unreadable: ['c'] })],
  ])('%s is %s', (_, status, finding) => {
    expect(finding.status).toBe(status);
  });
});

describe('source tables', () => {
  it('are one failure if all are missing: the database is the wrong one', () => {
    const tables = SOURCES.map((source) => ({ ...TABLE, source, exists: false }));
    const wrong = {
      status: 'failed',
      message: expect.stringContaining('database platform has none'),
      remedy: { setting: SETTING },
    };
    expect(sourceTables(tables, SETTING)).toEqual([expect.objectContaining(wrong)]);
    expect(unreadableTables(tables, SETTING)).toEqual([expect.objectContaining(wrong)]);
  });

  it('are one failure per table that cannot be read, with what is left to the operator or granted', () => {
    const tables = [
      { ...TABLE, source: 'session', exists: false },
      { ...TABLE, source: 'attempt', learnerType: 'uuid', missing: ['a', 'b'] },
      { ...TABLE, source: 'exam_results', unreadable: ['user_id'] },
      { ...TABLE, source: 'features_topic_daily', learnerType: 'bigint' },
    ] as const;
    const remedies = [
      { setting: 'SOURCES' },
      { setting: 'SOURCES' },
      { command: expect.stringContaining('roles.sql') },
      { setting: 'SOURCES' },
    ];
    expect(unreadableTables(tables, SETTING).map((each) => 'remedy' in each && each.remedy)).toEqual(remedies);
    expect(sourceTables(tables, SETTING).map(({ status }) => status)).toEqual(Array(4).fill('failed'));
  });
});
