import type { SkipReason } from '../activity/activity.ts';

/** The kind of a record, decided without its values. */
export type RecordKind =
  | 'envelope'
  | 'flattened'
  | Extract<SkipReason, 'heartbeat' | 'transaction' | 'schema_change' | 'signal'>;

const KIND_BY_NAME: readonly (readonly [RegExp, RecordKind])[] = [
  [/^io\.debezium\..*\.Heartbeat$/, 'heartbeat'],
  [/^io\.debezium\..*\.TransactionMetadataValue$/, 'transaction'],
  [/^io\.debezium\..*\.SchemaChangeValue$/, 'schema_change'],
  [/^io\.debezium\.notification\./, 'signal'],
];

/**
 * The kind by the schema's full name, if the format has one, otherwise by the fields.
 *
 * @param rowFields the fields of an envelope's row.
 */
export function recordKind(
  schemaName: string | undefined,
  fields: readonly string[],
  rowFields: readonly string[] | undefined,
): RecordKind {
  if (schemaName !== undefined) {
    for (const [pattern, kind] of KIND_BY_NAME) if (pattern.test(schemaName)) return kind;
  }
  const has = (name: string) => fields.includes(name);
  if (has('op') && (has('source') || has('after') || has('before'))) {
    return rowFields !== undefined && isSignal(rowFields) ? 'signal' : 'envelope';
  }
  if (isSignal(fields)) return 'signal';
  if (fields.length === 1 && has('ts_ms')) return 'heartbeat';
  if (has('status') && has('event_count') && has('data_collections')) return 'transaction';
  if (has('source') && (has('ddl') || has('tableChanges'))) return 'schema_change';
  if (has('aggregateType') && has('additionalData')) return 'signal';
  return 'flattened';
}

/** A row of the signal table, or a signal from a Kafka topic (without the id). */
function isSignal(fields: readonly string[]): boolean {
  const own = fields.filter((name) => !name.startsWith('__'));
  if (!own.includes('type') || !own.includes('data')) return false;
  return own.every((name) => name === 'id' || name === 'type' || name === 'data');
}
