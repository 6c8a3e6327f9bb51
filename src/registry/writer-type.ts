import avro, { type Schema, type Type, type types } from 'avsc';

/** Connect's schema names (`connect.name`) and Avro's logical types, which avsc's types do not keep. */
const nameByType = new WeakMap<Type, string>();

/** The Connect schema name, or the Avro logical type, of a primitive type. */
export function schemaNameOf(type: Type): string | undefined {
  return nameByType.get(type);
}

const PRIMITIVES: ReadonlySet<unknown> = new Set(['boolean', 'int', 'long', 'float', 'double', 'bytes', 'string']);

/**
 * avsc's `typeHook` for writers' schemas. It records the names and drops the defaults of fields: only a reader's schema
 * needs them, and Connect may write defaults that are invalid in Avro, for which avsc would reject the whole schema.
 */
export function writerTypeHook(schema: Schema): Type | undefined {
  if (!isAttributes(schema)) return undefined;
  if (Array.isArray(schema.fields)) {
    for (const field of schema.fields) if (isAttributes(field)) delete field.default;
  }
  const name = schema['connect.name'] ?? schema.logicalType;
  if (typeof name !== 'string' || !PRIMITIVES.has(schema.type)) return undefined;
  const type = avro.Type.forSchema({ type: schema.type } as Schema);
  nameByType.set(type, name);
  return type;
}

/** The attributes that any object in a schema may have. */
interface Attributes {
  type?: unknown;
  fields?: unknown;
  default?: unknown;
  logicalType?: unknown;
  'connect.name'?: unknown;
}

function isAttributes(value: unknown): value is Attributes {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isRecord(type: Type): type is types.RecordType {
  return type.typeName === 'record' || type.typeName === 'error';
}

export function isUnion(type: Type): type is types.UnwrappedUnionType | types.WrappedUnionType {
  return type.typeName.startsWith('union:');
}

/** The record of `T` or of `["null", T]`. */
export function recordWithin(type: Type): types.RecordType | undefined {
  if (isRecord(type)) return type;
  return isUnion(type) ? type.types.find(isRecord) : undefined;
}
