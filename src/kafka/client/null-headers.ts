import { createRequire } from 'node:module';
import type { IHeaders } from 'kafkajs';
import type { OutgoingRecord } from './records.ts';

/** A private method of the driver's encoder, which writes null as a length of -1. */
interface DriverEncoder {
  writeVarIntBytes(value: unknown): unknown;
}

/** Replaces null in headers that are given to the driver. Its length takes as many bytes as that of null. */
const NULL_VALUE = Buffer.alloc(0);
let isPatched = false;

/**
 * Patches the driver: it can write header values of null, which Kafka allows and Connect writes. It fails with a TypeError
 * when it computes their size (tulios/kafkajs#1789). Can go when that is fixed, together with {@link driverHeaders}.
 */
export function allowNullHeaders(): void {
  if (isPatched) return;
  isPatched = true;
  const { prototype } = createRequire(import.meta.url)('kafkajs/src/protocol/encoder.js') as {
    prototype: DriverEncoder;
  };
  const { writeVarIntBytes } = prototype;
  prototype.writeVarIntBytes = function writeBytesOrNull(this: DriverEncoder, value) {
    return writeVarIntBytes.call(this, value === NULL_VALUE ? null : value);
  };
}

/** The headers as the driver takes them. */
export function driverHeaders(headers: NonNullable<OutgoingRecord['headers']>): IHeaders {
  const orReplacement = (value: Buffer | string | null) => value ?? NULL_VALUE;
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map(orReplacement) : orReplacement(value),
    ]),
  );
}
