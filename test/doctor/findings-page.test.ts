import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { findingsPage, type NamedFinding } from '../../src/doctor/findings-page.ts';
import { failed, ok } from '../../src/preflight/finding.ts';

const LONG = `there are no topics ${'with-a-long-name.public.exam_results, '.repeat(3)}`.trim();
const FINDINGS: readonly NamedFinding[] = [
  { check: 'lastseen-recompute', ...ok('answers') },
  { check: 'names', ...failed(LONG, { hint: 'set TOPIC_PREFIX=seedtest', page: 'docs/deploying.md#names' }) },
];
const COUNTS = { ok: 1, warning: 0, failed: 1, skipped: 0 };
const page = (width: number, hasColors = false) => findingsPage(FINDINGS, COUNTS, { width, hasColors });

describe('the page of doctor', () => {
  it.each([60, 80, 120, 200])('fits a terminal of %i columns, and loses no word', (width) => {
    const lines = page(width).split('\n');
    expect(lines.filter((line) => line.length > width)).toEqual([]);
    expect(page(width).replaceAll(/\s+/g, '')).toBe(page(Number.POSITIVE_INFINITY).replaceAll(/\s+/g, ''));
  });

  it('has one line per finding if it is not for a terminal', () => {
    const lines = page(Number.POSITIVE_INFINITY).split('\n');
    expect(lines).toHaveLength(FINDINGS.length + 2);
    expect(lines[1]).toMatch(/^failed {3}names .*→ set TOPIC_PREFIX=seedtest \(docs\/deploying.md#names\)$/);
  });

  it('has colors only for the status', () => {
    const colored = page(100, true);
    expect(colored).toContain('\u001b[31mfailed ');
    expect(stripVTControlCharacters(colored)).toBe(page(100));
  });
});
