import type { OutgoingRecord } from './records.ts';

/**
 * The index after the last record that goes into a request with the one at `from`: as many as `maxBytes` holds, and at
 * least that one. The driver puts all records of a partition into one batch, and brokers refuse a batch above the
 * topic's limit.
 */
export function portionEnd(records: readonly OutgoingRecord[], from: number, maxBytes: number): number {
  let bytes = 0;
  for (let end = from; end < records.length; end++) {
    bytes += recordBytes(records[end] ?? EMPTY);
    if (end > from && bytes > maxBytes) return end;
  }
  return records.length;
}

const EMPTY: OutgoingRecord = { key: null, value: null };

/** Lengths and deltas of a record and its place in the batch, generously. */
const RECORD_OVERHEAD_BYTES = 80;
const HEADER_OVERHEAD_BYTES = 10;

/** An upper bound of what the record takes in a batch that is not compressed. */
function recordBytes({ key, value, headers = {} }: OutgoingRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + lengthOf(key) + lengthOf(value);
  for (const [name, values] of Object.entries(headers)) {
    for (const each of Array.isArray(values) ? values : [values]) {
      bytes += HEADER_OVERHEAD_BYTES + lengthOf(name) + lengthOf(each);
    }
  }
  return bytes;
}

function lengthOf(bytes: Buffer | string | null): number {
  return bytes === null ? 0 : Buffer.byteLength(bytes);
}
