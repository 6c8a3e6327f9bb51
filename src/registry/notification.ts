import type { Registry } from './client.ts';
import { isWireFormat, schemaIdOf, WIRE_HEADER_BYTES } from './wire-format.ts';

/** A notification about a snapshot, from Debezium's sink channel. */
export interface Notification {
  /** For an incremental snapshot, the id of the signal that requested it. */
  readonly id: string;
  /** Such as `Incremental Snapshot`. */
  readonly about: string;
  /** Such as `STARTED` or `TABLE_SCAN_COMPLETED`. */
  readonly type: string;
  readonly details: Readonly<Record<string, string>>;
}

/**
 * Reads a notification in any format of the connector's converter: Avro in wire format, or JSON with or without its schema.
 * Undefined if the record is something else.
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
  try {
    const read: unknown =
      schema === undefined
        ? JSON.parse(String(value))
        : schema.kind === 'avro'
          ? schema.type.fromBuffer(value.subarray(WIRE_HEADER_BYTES))
          : undefined;
    return notificationOf(read);
  } catch {
    // A record of another writer: the topic may be shared.
    return undefined;
  }
}

function notificationOf(read: unknown): Notification | undefined {
  const { payload, ...bare } = (read ?? {}) as Record<string, unknown>;
  const notification = (payload ?? bare) as Record<string, unknown>;
  const { id, aggregate_type: about, type, additional_data: details } = notification;
  if (typeof id !== 'string' || typeof about !== 'string' || typeof type !== 'string') return undefined;
  return { id, about, type, details: (details ?? {}) as Record<string, string> };
}
