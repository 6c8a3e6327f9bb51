import { readFileSync } from 'node:fs';
import avro from 'avsc';
import { describe, expect, it } from 'vitest';
import { parseInstant } from '../../src/activity/instant.ts';
import { type KpiUpdatedEvent, kpiUpdatedRecord, type LedgerRow } from '../../src/events/kpi-updated-event.ts';
import { createEventCodec } from '../../src/registry/event-codec.ts';
import { must } from '../../src/runtime/must.ts';

const at = (text: string) => must(parseInstant(text), 'an instant');

const event: KpiUpdatedEvent = {
  user_id: 'anna',
  week_start: Date.parse('2026-03-16') / 86_400_000,
  as_of: at('2026-03-18T05:00:00.000001Z'),
  P: 0.25,
  S: null,
  previous_P: null,
  previous_S: 1,
  P_low: 0.125,
  P_high: 0.5,
  P_insufficient_data: true,
  computed: 'P_AND_S',
  cause_event_id: '6fa459ea-ee8a-5ca4-894e-db77e160355e',
};
const row: LedgerRow = { ...event, seq: 1n, recorded_at: at('2026-03-18T05:01:00Z') };
const recordOf = (changes: Partial<LedgerRow> = {}) => kpiUpdatedRecord({ ...row, ...changes }, () => Buffer.alloc(0));

describe('a kpi-updated record', () => {
  it('has a value of its schema', async () => {
    const schemaFile = new URL('../../schemas/lastseen.kpi-updated.v1.avsc', import.meta.url);
    const codec = await createEventCodec<KpiUpdatedEvent>({
      topic: 'lastseen.kpi-updated.v1',
      schemaFile,
      registry: { idOf: async () => 1, writerSchema: async () => ({ kind: 'unknown' }) },
    });
    const value = must(kpiUpdatedRecord(row, codec.encode).value, 'the record has a value');
    // One byte of a magic number and four of the schema's id.
    const decoded = avro.parse(readFileSync(schemaFile, 'utf8')).fromBuffer(Buffer.from(value).subarray(5));
    expect({ ...decoded, as_of: BigInt(decoded.as_of) }).toEqual(event);
  });

  it('has the same id whenever it is published, and another for another cause', () => {
    const id = (changes?: Partial<LedgerRow>) => recordOf(changes).headers?.['ce_id'];
    expect(id()).toBe(id({ seq: 2n, P: null, recorded_at: 0n }));
    expect(id()).not.toBe(id({ cause_event_id: '7fa459ea-ee8a-5ca4-894e-db77e160355e' }));
    expect(id()).not.toBe(event.cause_event_id);
  });

  it('is keyed by the learner and has the CloudEvents attributes', () => {
    const { key, headers } = recordOf();
    expect(key).toBe('anna');
    expect(headers).toMatchObject({
      ce_type: 'lastseen.kpi-updated.v1',
      ce_source: '/lastseen/recompute',
      ce_subject: 'anna',
      ce_time: '2026-03-18T05:01:00.000000Z',
    });
  });
});
