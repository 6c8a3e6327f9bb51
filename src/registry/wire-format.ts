/** The registry's wire format: a zero byte, the schema id in four bytes (big-endian), the Avro body. */
export const WIRE_HEADER_BYTES = 5;

/** Whether a value is in wire format: JSON never starts with a zero byte. */
export function isWireFormat(value: Buffer): boolean {
  return value[0] === 0;
}

/** `undefined` if the header is truncated or the id is not positive (registries start at 1). */
export function schemaIdOf(value: Buffer): number | undefined {
  if (value.length < WIRE_HEADER_BYTES) return undefined;
  // Called up to three times per record; readInt32BE is slower because it checks its argument each time.
  const id = ((value[1] ?? 0) << 24) | ((value[2] ?? 0) << 16) | ((value[3] ?? 0) << 8) | (value[4] ?? 0);
  return id > 0 ? id : undefined;
}

export function toWireFormat(schemaId: number, body: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(WIRE_HEADER_BYTES + body.length);
  framed[0] = 0;
  framed.writeInt32BE(schemaId, 1);
  body.copy(framed, WIRE_HEADER_BYTES);
  return framed;
}
