import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { SourceCapture } from '../../src/freshness/capture.ts';
import type { ConnectEvidence } from '../../src/freshness/connect-offset.ts';
import { connectorFilters } from '../../src/freshness/connector-filters.ts';
import {
  type FreshnessEvidence,
  judgeFreshness,
  type SlotEvidence,
  type SourceEvidence,
} from '../../src/freshness/judgement.ts';
import { CLOCK_BEFORE_AS_OF } from '../../src/freshness/pipeline.ts';
import type { GapKind } from '../../src/last-seen/gap.ts';

const page = readFileSync(new URL('../../docs/operations/sweeps.md', import.meta.url), 'utf8');

/** Reason, what to do, what `--force` decides. */
const rows = (page.split('## Not fresh')[1]?.split('\n## ')[0] ?? '')
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .slice(2)
  .map((line) => line.slice(2, -2).split(' | '));

const CAPTURED: SourceCapture = {
  tables: ['public.session'],
  missingOperations: [],
  missingPartitions: [],
  rowFilters: [],
  hiddenColumns: [],
};
const partition = { partition: 0, end: 9n, stable: 9n, applied: 9n, appliedBefore: 9n };
const SOURCE: SourceEvidence = {
  source: 'session',
  topic: 'p.public.session',
  capture: CAPTURED,
  hasRows: true,
  partitions: [partition],
  gaps: [],
  unreadableLetters: 0n,
  at: 0n,
  history: [],
};
const FRESH: FreshnessEvidence = {
  slot: { name: 's', kind: 'past' },
  publication: 'p',
  drift: undefined,
  maxUnreadableLetters: 0,
  sources: [SOURCE],
};

const SLOTS: Record<SlotEvidence['kind'], SlotEvidence | undefined> = {
  past: undefined,
  missing: { name: 's', kind: 'missing' },
  lost: { name: 's', kind: 'lost' },
  behind: { name: 's', kind: 'behind', bytes: 1n, stillMs: 60_000 },
};
const OFFSETS: Record<ConnectEvidence['kind'], ConnectEvidence | undefined> = {
  past: undefined,
  unknown: { kind: 'unknown', reason: 'no answer' },
  stopped: { kind: 'stopped', connector: 'c' },
  snapshot: { kind: 'snapshot', connector: 'c' },
  none: { kind: 'none', connector: 'c' },
  behind: { kind: 'behind', connector: 'c', state: 'PAUSED', bytes: 1n },
  changed: { kind: 'changed', connector: 'c', how: 'it was deleted' },
};
const CAPTURES: Record<keyof SourceCapture, Partial<SourceCapture>> = {
  tables: { tables: [] },
  missingOperations: { missingOperations: ['update'] },
  missingPartitions: { missingPartitions: ['public.session_1'] },
  rowFilters: { rowFilters: ['public.session WHERE (org_id = 1)'] },
  hiddenColumns: { hiddenColumns: ['public.session.ended_at'] },
};
const GAPS: Record<GapKind, true> = { beginning_missing: true, lost: true, skipped: true, another_topic: true };
const FILTERS = [
  { 'table.include.list': 'public.attempt' },
  { 'skipped.operations': 'u' },
  { transforms: 'f', 'transforms.f.type': 'io.debezium.transforms.Filter' },
  { transforms: 'r', 'transforms.r.type': 'org.apache.kafka.connect.transforms.TimestampRouter' },
].flatMap((filters) =>
  connectorFilters({ name: 'c', topicPrefix: 'p', slotName: 's', filters, parts: [] }, SOURCE.topic, CAPTURED.tables),
);

type Changes = Partial<FreshnessEvidence>;
const bySource = (changes: Partial<SourceEvidence>): Changes => ({ sources: [{ ...SOURCE, ...changes }] });
const NONE: readonly Changes[] = [];

/** For each part of the evidence, all its states that are not fresh. */
const NOT_FRESH: Record<keyof FreshnessEvidence | keyof SourceEvidence, readonly Changes[]> = {
  slot: Object.values(SLOTS).flatMap((slot) => (slot === undefined ? [] : [{ slot }])),
  connect: Object.values(OFFSETS).flatMap((connect) => (connect === undefined ? [] : [{ connect }])),
  notRunning: [{ slot: SLOTS.behind, notRunning: ['task 0 of c is FAILED: java.io.IOException: full'] }],
  connectorUnknown: [{ connectorUnknown: "the connector's settings are unknown: no answer" }],
  breaks: [{ breaks: [{ changes: ['replication slot s was created again'], lastIntactAt: 0n, foundAt: 1n }] }],
  drift: [{ drift: { runId: 'r', snapshotAt: 0n, learners: 1n } }],
  capture: Object.values(CAPTURES).map((capture) => bySource({ capture: { ...CAPTURED, ...capture } })),
  connectorFilters: FILTERS.map((filter) => bySource({ connectorFilters: [filter] })),
  partitions: [
    bySource({ partitions: [] }),
    bySource({ partitions: [{ ...partition, applied: 1n }] }),
    bySource({ partitions: [{ ...partition, applied: undefined }] }),
    bySource({ partitions: [{ ...partition, applied: 1n, stable: 2n }] }),
    bySource({ partitions: [{ ...partition, appliedBefore: 10n }] }),
  ],
  hasRows: [bySource({ partitions: [{ ...partition, end: 0n, stable: 0n, appliedBefore: 0n }] })],
  gaps: (Object.keys(GAPS) as GapKind[]).map((kind) =>
    bySource({ gaps: [{ topic: SOURCE.topic, partition: 0, kind, fromOffset: 1n, toOffset: 2n }] }),
  ),
  unreadableLetters: [bySource({ unreadableLetters: 1n })],
  history: [
    bySource({
      at: 30n * 86_400_000_000n,
      partitions: [{ ...partition, end: 1_400n, stable: 1_400n, applied: 1_400n }],
      history: Array.from({ length: 14 }, (_, day) => ({
        at: BigInt(16 + day) * 86_400_000_000n,
        records: 100n * BigInt(day + 1),
      })),
    }),
  ],
  publication: NONE,
  maxUnreadableLetters: NONE,
  sources: NONE,
  source: NONE,
  topic: NONE,
  at: NONE,
};

function reasonOf(changes: Changes): string {
  const verdict = judgeFreshness({ ...FRESH, ...changes });
  if (verdict.kind === 'fresh') throw new Error('the sample is fresh');
  const [reason = '', ...others] = verdict.reasons;
  if (others.length > 0) throw new Error(`the sample has several reasons: ${verdict.reasons.join('; ')}`);
  return reason;
}

/** Whether the texts between the dots of one alternative are in the reason, in their order. */
function describes(cell: string, reason: string): boolean {
  return cell.split(' / ').some((alternative) => {
    let at = 0;
    return alternative
      .replace('*source*', 'session')
      .split('…')
      .map((text) => text.trim())
      .every((text) => {
        const found = reason.indexOf(text, at);
        at = found + text.length;
        return found >= 0;
      });
  });
}

const reasons = [...Object.values(NOT_FRESH).flat().map(reasonOf), CLOCK_BEFORE_AS_OF];

describe('the table of reasons for "not fresh"', () => {
  it.each(reasons)('has one row for: %s', (reason) => {
    expect(rows.filter(([cell = '']) => describes(cell, reason)).map(([cell]) => cell)).toHaveLength(1);
  });

  it('says for each reason what to do and what --force decides', () => {
    expect(rows.length).toBeGreaterThan(20);
    for (const row of rows)
      expect(
        row.map((cell) => cell.trim() !== ''),
        row[0],
      ).toEqual([true, true, true]);
  });
});
