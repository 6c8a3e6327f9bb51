import avro from 'avsc';
import { describe, expect, it } from 'vitest';
import type { WriterSchema } from '../../src/registry/client.ts';
import { toWireFormat } from '../../src/registry/wire-format.ts';
import { followSnapshot } from '../../src/replay/snapshot.ts';

const notificationType = avro.Type.forSchema({
  type: 'record',
  name: 'Notification',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'aggregate_type', type: 'string' },
    { name: 'type', type: 'string' },
    { name: 'additional_data', type: ['null', { type: 'map', values: 'string' }] },
    { name: 'timestamp', type: 'long' },
  ],
});
const registry = { writerSchema: async (): Promise<WriterSchema> => ({ kind: 'avro', type: notificationType }) };

type Fields = readonly [type: string, data?: Record<string, string>, id?: string];
const notification = ([type, data = {}, id = 'mine']: Fields) => ({
  id,
  aggregate_type: 'Incremental Snapshot',
  type,
  additional_data: data,
  timestamp: 1,
});

async function followed(...values: (Buffer | null)[]) {
  const snapshot = followSnapshot(registry, 'mine');
  const records = values.map((value, n) => ({ key: null, value, timestamp: '0', offset: String(n) }));
  await snapshot.stages.collect(
    { topic: 'n', partition: 0, records, fromOffset: 0n, nextOffset: BigInt(values.length) },
    null,
  );
  return snapshot.state;
}
const json = (...fields: Fields) => Buffer.from(JSON.stringify(notification(fields)));

describe('following a snapshot', () => {
  it('reads the completion in JSON with and without schema, and in Avro', async () => {
    expect(await followed(json('COMPLETED'))).toEqual({ kind: 'completed' });
    const payload = notification(['COMPLETED']);
    expect(await followed(Buffer.from(JSON.stringify({ schema: {}, payload })))).toEqual({ kind: 'completed' });
    expect(await followed(toWireFormat(7, notificationType.toBuffer(payload)))).toEqual({ kind: 'completed' });
  });

  it('is running from the start until it is completed, also after empty tables', async () => {
    const started = [json('STARTED'), json('IN_PROGRESS', { current_collection_in_progress: 'public.session' })];
    const scanned = ['SUCCEEDED', 'EMPTY'].map((status) => json('TABLE_SCAN_COMPLETED', { status }));
    expect(await followed()).toEqual({ kind: 'requested' });
    for (const values of [started, scanned, [...started, ...scanned]]) {
      expect(await followed(...values)).toEqual({ kind: 'running' });
    }
  });

  it('fails if a table was not read, or if the snapshot was stopped', async () => {
    const failed = { status: 'SQL_EXCEPTION', scanned_collection: 'public.session' };
    expect(await followed(json('TABLE_SCAN_COMPLETED', failed), json('COMPLETED'))).toEqual({
      kind: 'failed',
      reason:
        'public.session was not read (SQL_EXCEPTION): the role of the connector needs the right to read it, as k8s/postgres/replication.sql grants',
    });
    const skipped = { ...failed, status: 'SKIPPED' };
    expect(await followed(json('TABLE_SCAN_COMPLETED', skipped))).toMatchObject({
      reason: 'public.session was not read (SKIPPED)',
    });
    expect(await followed(json('STOPPED'))).toMatchObject({ kind: 'failed' });
  });

  it('ignores other snapshots, and records that are no notifications', async () => {
    const ignored = [null, Buffer.from('no JSON'), Buffer.from('[]'), Buffer.from([0, 0, 0, 0, 7, 255])];
    expect(await followed(json('COMPLETED', {}, 'other'), ...ignored)).toEqual({ kind: 'requested' });
  });
});
