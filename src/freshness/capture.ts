import type { Source } from '../activity/source.ts';

/** How a source's table is captured, by the publication. */
export interface SourceCapture {
  /** The published tables (`schema.table`) with the source's rows: itself, or its partitions. None: it is not published. */
  readonly tables: readonly string[];
  /** Kinds of changes with activity that the publication leaves out, e.g. `update`. */
  readonly missingOperations: readonly string[];
  /** Partitions whose rows are not published. */
  readonly missingPartitions: readonly string[];
  /** Row filters of the publication, e.g. `public.session WHERE (org_id = 1)`. */
  readonly rowFilters: readonly string[];
  /** Columns in use that the publication's column lists leave out. */
  readonly hiddenColumns: readonly string[];
}

const NOTHING_LOST = { missingOperations: [], missingPartitions: [], rowFilters: [], hiddenColumns: [] };

export const NOT_PUBLISHED: SourceCapture = { tables: [], ...NOTHING_LOST };

/** For an audit, which itself finds what was not captured. */
export const capturedAs = (source: Source): SourceCapture => ({ tables: [`public.${source}`], ...NOTHING_LOST });

/** Why changes of the source are not captured, one line per reason; empty if all are. */
export function uncaptured(source: Source, publication: string, capture: SourceCapture): readonly string[] {
  const { tables, missingOperations, missingPartitions, rowFilters, hiddenColumns } = capture;
  const lost = 'so its changes are not captured';
  if (tables.length === 0) return [`${source}: table ${source} is not in publication ${publication}, ${lost}`];
  // Of all sources, so it is not prefixed with one.
  const operations =
    missingOperations.length === 0
      ? []
      : [
          `publication ${publication} does not publish ${missingOperations.join(' and ')} (its option publish), so these changes are not captured`,
        ];
  const reasons = [
    ...(missingPartitions.length === 0
      ? []
      : [
          `partitions ${missingPartitions.join(', ')} are not in publication ${publication}, so their changes are not captured`,
        ]),
    ...rowFilters.map(
      (filter) => `publication ${publication} has the row filter ${filter}, so other rows are not captured`,
    ),
    ...(hiddenColumns.length === 0
      ? []
      : [`publication ${publication} leaves out the columns ${hiddenColumns.join(', ')}, which are needed`]),
  ];
  return [...operations, ...reasons.map((reason) => `${source}: ${reason}`)];
}
