import { z } from 'zod';
import type { Registry } from './client.ts';
import { isWireFormat, schemaIdOf, WIRE_HEADER_BYTES } from './wire-format.ts';

const NOTIFICATION = z.object({
  /** For an incremental snapshot, the id of the signal that requested it. */
  id: z.string(),
  /** Such as `Incremental Snapshot`. */
  aggregate_type: z.string(),
  /** Such as `STARTED` or `TABLE_SCAN_COMPLETED`. */
  type: z.string(),
  additional_data: z.record(z.string(), z.string()).nullish().catch(null),
});

/** A notification about a snapshot, from Debezium's sink channel. */
export type Notification = Readonly<z.infer<typeof NOTIFICATION>>;

/** Connect's JSON with its schema. */
const WITH_SCHEMA = z.object({ payload: NOTIFICATION }).transform(({ payload }) => payload);

/**
 * Reads a notification in any format of the connector's converter: Avro in wire format, or JSON with or without its schema.
 * Undefined if the record is something else: the topic may be shared.
 *
 * @throws LastseenError `registry_unavailable` (retriable).
 */
export async function readNotification(
  registry: Pick<Registry, 'writerSchema'>,
  value: Buffer | null,
): Promise<Notification | undefined> {
  if (value === null) return undefined;
  const id = isWireFormat(value) ? schemaIdOf(value) : undefined;
  const schema = id === undefined ? undefined : await registry.writerSchema(id);
  if (schema !== undefined && schema.kind !== 'avro') return undefined;
  try {
    const read: unknown = schema?.type.fromBuffer(value.subarray(WIRE_HEADER_BYTES)) ?? JSON.parse(String(value));
    return WITH_SCHEMA.or(NOTIFICATION).safeParse(read).data;
  } catch {
    return undefined;
  }
}
