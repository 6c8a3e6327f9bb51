import { must } from '../../runtime/must.ts';
import type { HeaderValue, OutgoingRecord } from './records.ts';

/**
 * The end (exclusive) of the records from index `from` that fit into `maxBytes`: at least one.
 *
 * The driver puts all records of a partition into one batch, and brokers reject a batch above `max.message.bytes`. Can
 * go when the driver splits batches itself (tulios/kafkajs#949).
 */
export function portionEnd(records: readonly OutgoingRecord[], from: number, maxBytes: number): number {
  let bytes = 0;
  for (let end = from; end < records.length; end++) {
    bytes += recordBytes(must(records[end], 'the index is within the list'));
    if (end > from && bytes > maxBytes) return end;
  }
  return records.length;
}

/** Upper bounds of the fields beside key, value and headers. */
const RECORD_OVERHEAD_BYTES = 80;
const HEADER_OVERHEAD_BYTES = 10;

/** An upper bound of the record's size in an uncompressed batch. */
function recordBytes({ key, value, headers = {} }: OutgoingRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + lengthOf(key) + lengthOf(value);
  for (const [name, values] of Object.entries(headers)) {
    for (const each of Array.isArray(values) ? values : [values]) {
      bytes += HEADER_OVERHEAD_BYTES + lengthOf(name) + lengthOf(each);
    }
  }
  return bytes;
}

function lengthOf(bytes: HeaderValue): number {
  return bytes === null ? 0 : Buffer.byteLength(bytes);
}
