import { SOURCE_FACTS, type Source } from '../activity/source.ts';
import type { SettingName } from '../config/settings.ts';
import type { SourceTable } from '../source-activity/tables-store.ts';
import { type Advice, APPLY_ROLES, type Finding, failed, ok, warning } from './finding.ts';

/**
 * A finding per source table, or one for all: if all are missing, the database is the wrong one.
 *
 * @param setting with the address of the tables' database
 */
export function sourceTables(tables: readonly SourceTable[], setting: SettingName): readonly Finding[] {
  const wrong = wrongDatabase(tables, setting);
  return wrong === undefined ? tables.map(sourceTable) : [wrong];
}

/** The failures that no statement about the learners of the source tables survives. */
export function unreadableTables(tables: readonly SourceTable[], setting: SettingName): readonly Finding[] {
  const failures = (table: SourceTable) =>
    unreadable(table) ?? failedOnly(learnerColumn(table.source, table.learnerType));
  return [wrongDatabase(tables, setting) ?? tables.map(failures)].flat().filter((finding) => finding !== undefined);
}

const failedOnly = (finding: Finding | undefined) => (finding?.status === 'failed' ? finding : undefined);

export function sourceTable(table: SourceTable): Finding {
  const { source, learnerType, hasLearnerIndex } = table;
  return (
    unreadable(table) ??
    learnerColumn(source, learnerType) ??
    learnerIndex(source, hasLearnerIndex) ??
    ok(`${source} has all columns that are read`)
  );
}

function wrongDatabase(tables: readonly SourceTable[], setting: SettingName): Finding | undefined {
  if (tables.length < 2 || tables.some(({ exists }) => exists)) return undefined;
  return failed(
    `database ${tables[0]?.database} has none of the tables ${tables.map(({ source }) => source).join(', ')}`,
    {
      hint: `correct the name of the database in ${setting}`,
      page: REQUIREMENTS,
      remedy: { setting },
    },
  );
}

/** Undefined if the table can be read. */
function unreadable({ source, exists, missing, unreadable: refused }: SourceTable): Finding | undefined {
  if (!exists) {
    return failed(`there is no table ${source}`, {
      ...LEFT_OUT,
      hint: `if the platform has no ${source}, remove it from SOURCES`,
    });
  }
  if (missing.length > 0) {
    return failed(`${source} has no column ${missing.join(', ')}`, {
      ...LEFT_OUT,
      hint: `add the column, or remove ${source} from SOURCES: without it, its records become dead letters`,
    });
  }
  if (refused.length > 0) return failed(`this role may not read ${refused.join(', ')} of ${source}`, APPLY_ROLES);
  return undefined;
}

const REQUIREMENTS = 'docs/deploying.md#requirements';

/** Whether a table is a source is for the operator to decide: without it, its activity counts for nobody. */
const LEFT_OUT = { page: REQUIREMENTS, remedy: { setting: 'SOURCES' } } satisfies Partial<Advice>;

const TEXT_TYPES: readonly (string | null)[] = ['text', 'character varying', 'character', 'bpchar'];

/** Undefined if learners can be read from a column of this type. */
function learnerColumn(source: Source, type: string | null): Finding | undefined {
  const { learner } = SOURCE_FACTS[source];
  const message = `${learner} of ${source} is of type ${type}`;
  const isUuid = type === 'uuid';
  if (TEXT_TYPES.includes(type)) {
    if (learner === 'user_id') return undefined;
    return warning(
      `${message}: UUIDs in another form than 8-4-4-4-12 become dead letters, and kpi and the look-up of a sweep do not find those in mixed case`,
      'change its type to uuid',
    );
  }
  if (!isUuid) {
    return failed(`${message}: its records become dead letters`, {
      ...LEFT_OUT,
      hint: `change its type to text, or remove ${source} from SOURCES`,
    });
  }
  if (learner === 'student_id') return undefined;
  return warning(`${message}: kpi, explain and recompute cannot read it`, 'change its type to text');
}

/** Undefined if learners can be looked up without a scan of the table. */
function learnerIndex(source: Source, hasLearnerIndex: boolean): Finding | undefined {
  if (hasLearnerIndex) return undefined;
  const { learner, instants } = SOURCE_FACTS[source];
  const instant = instants.length === 1 ? instants[0] : `(coalesce(${instants.join(', ')}))`;
  return warning(
    `no btree index of ${source} begins with ${learner}: a sweep that looks up who would cross, and kpi, scan the table`,
    `CREATE INDEX CONCURRENTLY ON ${source} (${learner}, ${instant})`,
  );
}
