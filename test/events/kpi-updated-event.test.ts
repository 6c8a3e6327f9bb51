import { readFileSync } from 'node:fs';
import avro from 'avsc';
import { describe, expect, it } from 'vitest';
import { parseInstant } from '../../src/activity/instant.ts';
import { type KpiUpdate, kpiUpdatedEvent } from '../../src/events/kpi-updated-event.ts';
import { createEventCodec } from '../../src/registry/event-codec.ts';

const at = (text: string) => parseInstant(text) ?? 0n;

const update: KpiUpdate = {
  userId: 'anna',
  weekStart: at('2026-03-16'),
  asOf: at('2026-03-18T05:00:00.000001Z'),
  p: 0.25,
  s: null,
  previousP: null,
  previousS: 1,
  pInterval: { low: 0.125, high: 0.5, insufficientData: true },
  computed: 'P_AND_S',
  causeEventId: '6fa459ea-ee8a-5ca4-894e-db77e160355e',
  recordedAt: at('2026-03-18T05:01:00Z'),
};

describe('a kpi-updated event', () => {
  it('is a value of its schema', async () => {
    const schemaFile = new URL('../../schemas/lastseen.kpi-updated.v1.avsc', import.meta.url);
    const { value } = kpiUpdatedEvent(update);
    const codec = await createEventCodec<typeof value>({
      topic: 'lastseen.kpi-updated.v1',
      schemaFile,
      registry: { idOf: async () => 1, writerSchema: async () => ({ kind: 'unknown' }) },
    });
    // One byte of a magic number and four of the schema's id.
    const type = avro.parse(readFileSync(schemaFile, 'utf8'));
    const decoded = type.fromBuffer(codec.encode(value).subarray(5));
    expect({ ...decoded, as_of: BigInt(decoded.as_of) }).toEqual(value);
    expect(value).toMatchObject({ P_low: 0.125, P_high: 0.5, P_insufficient_data: true });
    // 2026-03-16 is day 20,528
    expect(value.week_start).toBe(20_528);
  });

  it('has the same id whenever it is published, and another for another cause', () => {
    const id = (each: KpiUpdate) => kpiUpdatedEvent(each).headers['ce_id'];
    expect(id(update)).toBe(id({ ...update, p: null, recordedAt: 0n }));
    expect(id(update)).not.toBe(id({ ...update, causeEventId: '7fa459ea-ee8a-5ca4-894e-db77e160355e' }));
    expect(id(update)).not.toBe(update.causeEventId);
  });

  it('is keyed by the learner and carries the CloudEvents attributes', () => {
    const { key, headers } = kpiUpdatedEvent(update);
    expect(key).toBe('anna');
    expect(headers).toMatchObject({
      ce_type: 'lastseen.kpi-updated.v1',
      ce_source: '/lastseen/recompute',
      ce_subject: 'anna',
      ce_time: '2026-03-18T05:01:00.000000Z',
    });
  });
});
