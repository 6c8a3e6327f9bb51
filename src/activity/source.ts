interface SourceFacts {
  /** The column of the learner: `user_id` is the platform's name, `student_id` the key itself. */
  readonly learner: 'user_id' | 'student_id';
  /** The columns of the instant: the first one that is not null counts. */
  readonly instants: readonly [string, ...string[]];
}

/**
 * The sources of activity, by the name of their table in the schema `public`. Everything else is derived: columns, topics,
 * settings and SQL. How to add one: docs/development.md.
 */
export const SOURCE_FACTS = {
  exam_results: { learner: 'user_id', instants: ['updated_at', 'created_at'] },
  features_topic_daily: { learner: 'user_id', instants: ['last_seen_at'] },
  attempt: { learner: 'student_id', instants: ['completed_at'] },
  session: { learner: 'user_id', instants: ['ended_at', 'started_at'] },
} as const satisfies Readonly<Record<string, SourceFacts>>;

export type Source = keyof typeof SOURCE_FACTS;

export const SOURCES = Object.keys(SOURCE_FACTS) as readonly Source[];

export function perSource<T>(get: (source: Source) => T): Record<Source, T> {
  return Object.fromEntries(SOURCES.map((source) => [source, get(source)])) as Record<Source, T>;
}

/** The setting with the topic's name, if it is not `<TOPIC_PREFIX>.public.<table>`. */
export function topicSetting(source: Source): `TOPIC_${Uppercase<Source>}` {
  return `TOPIC_${source.toUpperCase() as Uppercase<Source>}`;
}

/** SQL: an item per source, separated by commas. */
export function sqlPerSource(item: (source: Source, index: number) => string): string {
  return SOURCES.map(item).join(', ');
}

/** SQL: the columns of `user_last_seen`, and of tables like it, with the newest instant per source. */
export function instantColumns(alias?: string): string {
  return sqlPerSource((source) => (alias === undefined ? `${source}_at` : `${alias}.${source}_at`));
}

/** SQL: the same columns, each under the name of its source. */
export const INSTANTS_BY_SOURCE = sqlPerSource((source) => `${source}_at AS ${source}`);

/** SQL: the instant of an activity in a row of the source table. */
export function activityInstant(source: Source, alias?: string): string {
  const columns = SOURCE_FACTS[source].instants.map((column) => (alias === undefined ? column : `${alias}.${column}`));
  return columns.length === 1 ? columns.join() : `coalesce(${columns.join(', ')})`;
}
