/** What a connector is configured to capture. Other settings are never kept: they contain passwords. */
export interface ConnectorConfig {
  readonly name: string;
  readonly topicPrefix: string | undefined;
  readonly slotName: string | undefined;
  readonly filters: Readonly<Record<string, string>>;
}

/** Whether a setting can keep changes from a topic. */
export function isFilterSetting(name: string): boolean {
  return /^(?:(?:table|schema)\.(?:include|exclude)\.list|skipped\.operations|transforms|(?:transforms|predicates)\..+)$/.test(
    name,
  );
}

/** Ours: of our slot, else of our topic prefix. */
export function ownConnectors<C extends ConnectorConfig>(
  all: readonly C[],
  ours: { readonly topicPrefix: string; readonly slotName: string },
): readonly C[] {
  const bySlot = all.filter(({ slotName }) => slotName === ours.slotName);
  return bySlot.length > 0 ? bySlot : all.filter(({ topicPrefix }) => topicPrefix === ours.topicPrefix);
}

/**
 * Why the connector leaves out changes of these published tables (`schema.table`), one line per reason.
 *
 * @param topic the topic that `track` reads; a transform may also see the topic of each table.
 */
export function connectorFilters(
  connector: ConnectorConfig,
  topic: string,
  tables: readonly string[],
): readonly string[] {
  const { name, filters, topicPrefix } = connector;
  const lost = tables.flatMap((table) =>
    listsThatOmit(filters, table).map((list) => `does not capture ${table} (${list})`),
  );
  const skipped = (filters['skipped.operations'] ?? '').split(',').map((each) => each.trim());
  const operations = ['c', 'u'].filter((each) => skipped.includes(each));
  const topics = [topic, ...tables.map((table) => `${topicPrefix}.${table}`)];
  return [
    ...lost,
    ...operations.map((each) => `skips the operation ${each} (skipped.operations)`),
    ...filterTransforms(filters, topics).map((each) => `filters records (transforms.${each})`),
  ].map((reason) => `connector ${name} ${reason}, so changes are not captured`);
}

function listsThatOmit(filters: ConnectorConfig['filters'], table: string): readonly string[] {
  const schema = table.slice(0, table.indexOf('.'));
  const omits = (setting: string, value: string, included: boolean) => {
    const list = filters[setting];
    return list !== undefined && list !== '' && matches(list.split(','), value) !== included ? [setting] : [];
  };
  return [
    ...omits('schema.include.list', schema, true),
    ...omits('schema.exclude.list', schema, false),
    ...omits('table.include.list', table, true),
    ...omits('table.exclude.list', table, false),
  ];
}

/** Debezium matches whole names in any case. Undefined, which is neither, if a pattern cannot be read here. */
function matches(patterns: readonly string[], name: string): boolean | undefined {
  try {
    return patterns.some((pattern) => new RegExp(`^(?:${pattern.trim()})$`, 'i').test(name));
  } catch {
    return undefined;
  }
}

/** Of Kafka Connect, Debezium, Confluent (`Filter$Value`) and others: a class with this name drops records. */
const FILTER = /[.]Filter(?:[$]\w+)?$/;

function filterTransforms(filters: ConnectorConfig['filters'], topics: readonly string[]): readonly string[] {
  const names = (filters['transforms'] ?? '').split(',').map((each) => each.trim());
  return names.filter((name) => {
    const setting = (key: string) => filters[`transforms.${name}.${key}`];
    if (!FILTER.test(setting('type') ?? '')) return false;
    const regex = setting('topic.regex');
    if (regex !== undefined && topics.every((topic) => matches([regex], topic) === false)) return false;
    return setting('predicate') === undefined || concerns(filters, name, topics);
  });
}

/** Whether the predicate of a transform can be true for a row of these topics. */
function concerns(filters: ConnectorConfig['filters'], transform: string, topics: readonly string[]): boolean {
  const predicate = `predicates.${filters[`transforms.${transform}.predicate`]}`;
  const isNegated = filters[`transforms.${transform}.negate`] === 'true';
  const type = filters[`${predicate}.type`] ?? '';
  // A tombstone is no activity.
  if (type.endsWith('.RecordIsTombstone')) return isNegated;
  if (!type.endsWith('.TopicNameMatches')) return true;
  return topics.some((topic) => matches([filters[`${predicate}.pattern`] ?? ''], topic) !== isNegated);
}
