import avro, { type ForSchemaOptions, type Schema, type Type, type types } from 'avsc';

/** Connect's schema names (`connect.name`) and Avro's logical types, which avsc's types do not keep. */
const nameByType = new WeakMap<Type, string>();

/** The Connect schema name, or the Avro logical type, of a primitive type. */
export function schemaNameOf(type: Type): string | undefined {
  return nameByType.get(type);
}

const PRIMITIVES: ReadonlySet<unknown> = new Set(['boolean', 'int', 'long', 'float', 'double', 'bytes', 'string']);

/** The symbols of an enum as its writer spells them. */
const symbolsByType = new WeakMap<Type, readonly string[]>();

export function symbolsOf(type: types.EnumType): readonly string[] {
  return symbolsByType.get(type) ?? type.symbols;
}

/**
 * avsc's `typeHook` for writers' schemas. It records the names that avsc does not keep, and removes what avsc refuses but
 * no decoder needs, for which it would reject the whole schema:
 *
 * - defaults of fields, aliases and sort orders: only a reader's schema needs them
 * - names that Java's Avro accepts: a hyphen or a leading digit in a namespace, a column in another alphabet, a symbol with
 *   a hyphen. They are spelled with allowed characters ({@link allowedName}), in definitions and references.
 */
export function writerTypeHook(schema: Schema, options?: Partial<ForSchemaOptions>): Type | undefined {
  if (typeof schema === 'string') {
    const name = allowedName(schema);
    return name === schema ? undefined : avro.Type.forSchema(name, options);
  }
  if (!isAttributes(schema)) return undefined;
  neutralize(schema);
  if (schema.type === 'enum' && hasRefusedSymbol(schema.symbols)) return enumType(schema, schema.symbols, options);
  const name = schema['connect.name'] ?? schema.logicalType;
  if (typeof name !== 'string' || !PRIMITIVES.has(schema.type)) return undefined;
  const type = avro.Type.forSchema({ type: schema.type } as Schema);
  nameByType.set(type, name);
  return type;
}

const UNNEEDED = ['aliases', 'default', 'order'] as const;

function neutralize(named: Attributes): void {
  for (const attribute of UNNEEDED) delete named[attribute];
  if (typeof named.name === 'string') named.name = allowedName(named.name);
  if (typeof named.namespace === 'string') named.namespace = allowedName(named.namespace);
  if (Array.isArray(named.fields)) for (const field of named.fields) if (isAttributes(field)) neutralize(field);
}

function hasRefusedSymbol(symbols: unknown): symbols is readonly string[] {
  return Array.isArray(symbols) && symbols.some((symbol) => allowedPart(String(symbol)) !== symbol);
}

function enumType(schema: Attributes, symbols: readonly string[], options?: Partial<ForSchemaOptions>): Type {
  const numbered = { ...schema, symbols: symbols.map((_symbol, index) => `SYMBOL_${index}`) };
  const type = avro.Type.forSchema(numbered as Schema, { ...options, typeHook: () => undefined });
  symbolsByType.set(type, symbols);
  return type;
}

/** A name in the characters that avsc allows; others become their code between underscores. Such names stay unchanged. */
function allowedName(name: string): string {
  // A leading dot marks a full name.
  return name
    .split('.')
    .map((part, index) => (part === '' && index === 0 ? part : allowedPart(part)))
    .join('.');
}

function allowedPart(part: string): string {
  const allowed = part.replace(/[^A-Za-z0-9_]/gu, (character) => `_${character.codePointAt(0)?.toString(16)}_`);
  return /^[A-Za-z_]/.test(allowed) ? allowed : `_${allowed}`;
}

/** The attributes that any object in a schema may have. */
interface Attributes {
  type?: unknown;
  name?: unknown;
  namespace?: unknown;
  fields?: unknown;
  symbols?: unknown;
  aliases?: unknown;
  default?: unknown;
  order?: unknown;
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
