import avro, { type Schema, type Type, type types } from 'avsc';

/**
 * What avsc makes of a writer's schema leaves out what Connect says beside the Avro types (`connect.name`) and Avro's
 * logical types. Both are kept here, by the type they were said of.
 */
const nameByType = new WeakMap<Type, string>();

/** The Connect schema name, or the Avro logical type, of a primitive type. */
export function schemaNameOf(type: Type): string | undefined {
  return nameByType.get(type);
}

const PRIMITIVES: ReadonlySet<unknown> = new Set(['boolean', 'int', 'long', 'float', 'double', 'bytes', 'string']);

/**
 * avsc's `typeHook` for writers' schemas: keeps the names, and drops the fields' defaults, which only a reader's
 * schema needs and which Connect does not always write as Avro wants them (avsc would refuse the whole schema).
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

/** What an object of a schema may hold, whatever it is an object of. */
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
