import { type AlterTableCmd, type ColumnDef, type Node, parse } from 'libpg-query';

/** What one migration takes away from code that does not know it, a line each. */
export async function contractions(sql: string): Promise<readonly string[]> {
  const { stmts = [] } = await parse(upPart(sql));
  const made: Made = { tables: new Set(), columns: new Set(), generated: new Set() };
  const found = stmts.flatMap(({ stmt }) => (stmt === undefined ? [] : ofStatement(stmt, made)));
  // Before Postgres 17 a generated column gets another expression only if it is dropped and added again.
  return found.filter((what) => !made.generated.has(what.replace(/^drop column /, '')));
}

/** Reads as node-pg-migrate does. */
export function upPart(sql: string): string {
  return sql.split(/^\s*--[\s-]*down\s+migration/im)[0] ?? '';
}

/** What is new by this migration: no older code knows it. */
interface Made {
  readonly tables: Set<string>;
  readonly columns: Set<string>;
  readonly generated: Set<string>;
}

/** A statement that is not known to expand counts as a contraction unless it is listed with a reason. */
function ofStatement(stmt: Node, made: Made): readonly string[] {
  if ('CreateStmt' in stmt) {
    made.tables.add(stmt.CreateStmt.relation?.relname ?? '');
    return [];
  }
  if ('CommentStmt' in stmt) return [];
  if ('InsertStmt' in stmt) {
    const table = stmt.InsertStmt.relation?.relname ?? '';
    return made.tables.has(table) ? [] : [`insert into ${table}`];
  }
  if ('IndexStmt' in stmt) {
    const { unique, idxname, relation } = stmt.IndexStmt;
    const table = relation?.relname ?? '';
    return unique && !made.tables.has(table) ? [`add unique index ${table}.${idxname}`] : [];
  }
  if ('UpdateStmt' in stmt) {
    const { relation, targetList = [] } = stmt.UpdateStmt;
    const table = relation?.relname ?? '';
    const columns = targetList.map((target) => ('ResTarget' in target ? `${table}.${target.ResTarget.name}` : table));
    return columns.filter((column) => !made.columns.has(column)).map((column) => `update ${column}`);
  }
  if ('AlterTableStmt' in stmt) {
    const { relation, cmds = [] } = stmt.AlterTableStmt;
    const table = relation?.relname ?? '';
    if (made.tables.has(table)) return [];
    return cmds.flatMap((cmd) =>
      'AlterTableCmd' in cmd ? ofAlteration(table, cmd.AlterTableCmd, made) : [`alter ${table}`],
    );
  }
  if ('DropStmt' in stmt) {
    const kind = stmt.DropStmt.removeType === 'OBJECT_INDEX' ? 'index ' : '';
    return (stmt.DropStmt.objects ?? []).map((object) => `drop ${kind}${namesIn(object).at(-1)}`);
  }
  if ('CreateFunctionStmt' in stmt) {
    const { replace, funcname = [] } = stmt.CreateFunctionStmt;
    return replace ? [`replace function ${funcname.flatMap(namesIn).at(-1)}`] : [];
  }
  if ('CreateTrigStmt' in stmt) {
    const { relation, trigname } = stmt.CreateTrigStmt;
    const table = relation?.relname ?? '';
    return made.tables.has(table) ? [] : [`add trigger ${table}.${trigname}`];
  }
  if ('RenameStmt' in stmt) {
    const { relation, subname } = stmt.RenameStmt;
    return [`rename ${[relation?.relname, subname].filter((name) => name !== undefined).join('.')}`];
  }
  return [Object.keys(stmt).join()];
}

function ofAlteration(table: string, { subtype, name, def }: AlterTableCmd, made: Made): readonly string[] {
  switch (subtype) {
    // A looser check lets code write that knows the new values.
    case 'AT_DropConstraint':
    case 'AT_SetRelOptions':
    case 'AT_SetStatistics':
      return [];
    case 'AT_AddColumn': {
      const column = def !== undefined && 'ColumnDef' in def ? def.ColumnDef : undefined;
      made.columns.add(`${table}.${column?.colname}`);
      if (column !== undefined && kindsOf(column).includes('CONSTR_GENERATED')) {
        made.generated.add(`${table}.${column.colname}`);
      }
      return column === undefined || isFilledByItself(column) ? [] : [`add column ${table}.${column.colname}`];
    }
    case 'AT_AddConstraint': {
      const constraint = def !== undefined && 'Constraint' in def ? def.Constraint : undefined;
      return [`add constraint ${table}.${constraint?.conname ?? '(unnamed)'}`];
    }
    case 'AT_DropColumn':
      return [`drop column ${table}.${name}`];
    case 'AT_SetNotNull':
      return [`set not null ${table}.${name}`];
    case 'AT_AlterColumnType':
      return [`change type ${table}.${name}`];
    default:
      return [`${subtype} ${table}.${name}`];
  }
}

/** Whether rows may be written by code that does not name the column. */
function isFilledByItself(column: ColumnDef): boolean {
  const kinds = kindsOf(column);
  if (kinds.includes('CONSTR_UNIQUE') || kinds.includes('CONSTR_PRIMARY') || kinds.includes('CONSTR_FOREIGN'))
    return false;
  const filled = ['CONSTR_DEFAULT', 'CONSTR_GENERATED', 'CONSTR_IDENTITY'] as const;
  return !kinds.includes('CONSTR_NOTNULL') || filled.some((kind) => kinds.includes(kind));
}

function kindsOf({ constraints = [] }: ColumnDef) {
  return constraints.map((node) => ('Constraint' in node ? node.Constraint.contype : undefined));
}

function namesIn(object: Node): readonly string[] {
  if ('String' in object) return [object.String.sval ?? ''];
  if ('TypeName' in object) return (object.TypeName.names ?? []).flatMap(namesIn);
  return 'List' in object ? (object.List.items ?? []).flatMap(namesIn) : [];
}
