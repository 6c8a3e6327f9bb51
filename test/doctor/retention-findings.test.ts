import { expect, it } from 'vitest';
import { MICROS_PER_DAY, parseInstant } from '../../src/activity/instant.ts';
import { retention } from '../../src/doctor/retention-findings.ts';

const now = parseInstant('2026-03-16T05:00:00Z') as bigint;
const ago = (days: bigint) => now - days * MICROS_PER_DAY;
const sizes = [
  { table: 'kpi_ledger', bytes: 3e9 },
  { table: 'episode', bytes: 2e8 },
];

it('names the size, the newest prune and the first week that is kept', () => {
  const finding = retention({ floor: ago(399n), prunedAt: ago(1n), createdAt: ago(700n) }, sizes, now);
  expect(finding).toMatchObject({ status: 'ok', message: expect.stringMatching(/3\.2 GB.*15 Mar 2026.*2025-02-10/) });
});

it.each([
  ['ok', 'was pruned 15 days ago', ago(15n), ago(700n)],
  ['warning', 'was pruned earlier', ago(15n) - 1n, ago(700n)],
  ['ok', 'was migrated 15 days ago and never pruned', null, ago(15n)],
  ['warning', 'was migrated earlier and never pruned', null, ago(16n)],
] as const)('is %s for an installation that %s', (status, _, prunedAt, createdAt) => {
  const finding = retention({ floor: null, prunedAt, createdAt }, sizes, now);
  expect(finding.status).toBe(status);
  if (status === 'warning') expect(finding).toMatchObject({ remedy: { command: 'lastseen prune' } });
});
