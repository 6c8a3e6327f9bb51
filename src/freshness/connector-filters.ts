import { applies, type ConnectorSettings, matchesWhole, routeOf, transformNames } from './connector-transforms.ts';

/** What a connector is configured to capture. Other settings are never kept: they contain passwords. */
export interface ConnectorConfig {
  readonly name: string;
  readonly topicPrefix: string | undefined;
  readonly slotName: string | undefined;
  readonly filters: ConnectorSettings;
  /** The connector, then each task. */
  readonly parts: readonly ConnectorPart[];
}

export interface ConnectorPart {
  /** E.g. `task 0 of seedtest`. */
  readonly part: string;
  readonly state: string;
  /** The cause of a failure. */
  readonly trace?: string | undefined;
}

export function describePart({ part, state, trace }: ConnectorPart): string {
  return `${part} is ${state}${trace === undefined ? '' : `: ${trace}`}`;
}

/** Whether a setting can keep changes from a topic, or send them to another one. */
export function isFilterSetting(name: string): boolean {
  return /^(?:(?:table|schema)\.(?:include|exclude)\.list|skipped\.operations|topic\.naming\.strategy|topic\.delimiter|transforms|(?:transforms|predicates)\..+)$/.test(
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
 * Why changes of these published tables (`schema.table`) do not arrive in their topic, one line per reason.
 *
 * @param topic the topic that `track` reads; a transform may also see the topic of each table.
 */
export function connectorFilters(
  connector: ConnectorConfig,
  topic: string,
  tables: readonly string[],
): readonly string[] {
  const { name, filters, topicPrefix } = connector;
  const lists = TABLE_LISTS.flatMap((list) => {
    const omitted = tables.filter((table) => omits(filters, list, table));
    return omitted.length === 0 ? [] : [`does not capture ${omitted.join(', ')} (${list})`];
  });
  const skipped = (filters['skipped.operations'] ?? '').split(',').map((each) => each.trim());
  const operations = ['c', 'u'].filter((each) => skipped.includes(each));
  const topics = [topic, ...tables.map((table) => `${topicPrefix}.${table}`)];
  const reasons = [
    ...lists,
    ...operations.map((each) => `skips the operation ${each} (skipped.operations)`),
    ...filterTransforms(filters, topics).map((each) => `filters records (transforms.${each})`),
  ].map((reason) => `${reason}, so changes are not captured`);
  const elsewhere = misrouted(connector, topic, tables).map((reason) => `${reason}, so changes are not read`);
  return [...reasons, ...elsewhere].map((reason) => `connector ${name} ${reason}`);
}

/** How records of these tables do not arrive in the topic that `track` reads; one line for all tables with the same reason. */
function misrouted(
  { filters, topicPrefix }: ConnectorConfig,
  topic: string,
  tables: readonly string[],
): readonly string[] {
  // Then the names of topics are made in another way.
  if (NAMING_SETTINGS.some((setting) => filters[setting] !== undefined)) return [];
  const isOfConnector = topic.startsWith(`${topicPrefix}.`);
  // A mirrored topic has the name of its cluster before its own.
  const isTopic = (each: string) => each === topic || (!isOfConnector && topic.endsWith(`.${each}`));
  const reasons = tables.flatMap((table) => {
    const { topics, transforms } = routeOf(filters, `${topicPrefix}.${table}`);
    if (transforms.length === 0)
      return isOfConnector && !topics.has(topic) ? [{ table, how: `to topics of their own, not to ${topic}` }] : [];
    const by = transforms.map((each) => `transforms.${each}`).join(', ');
    return [...topics].flatMap((each) => {
      if (each === undefined) return [{ table, how: `to a topic that depends on the record, not to ${topic} (${by})` }];
      return isTopic(each) ? [] : [{ table, how: `to ${each}, not to ${topic} (${by})` }];
    });
  });
  const byReason = Map.groupBy(reasons, ({ how }) => how);
  return [...byReason].map(([how, same]) => `sends records of ${same.map(({ table }) => table).join(', ')} ${how}`);
}

const NAMING_SETTINGS = ['topic.naming.strategy', 'topic.delimiter'];

const TABLE_LISTS = ['schema.include.list', 'schema.exclude.list', 'table.include.list', 'table.exclude.list'];

function omits(filters: ConnectorSettings, setting: string, table: string): boolean {
  const list = filters[setting];
  if (list === undefined || list === '') return false;
  const name = setting.startsWith('schema.') ? table.slice(0, table.indexOf('.')) : table;
  return matches(list.split(','), name) !== setting.endsWith('.include.list');
}

/** Debezium matches whole names in any case. Undefined, which is neither, if a pattern cannot be read here. */
function matches(patterns: readonly string[], name: string): boolean | undefined {
  const found = patterns.map((pattern) => matchesWhole(pattern.trim(), name, 'i'));
  return found.includes(undefined) ? undefined : found.includes(true);
}

/** Of Kafka Connect, Debezium, Confluent (`Filter$Value`) and others: a class with this name drops records. */
const FILTER = /[.]Filter(?:[$]\w+)?$/;

function filterTransforms(filters: ConnectorSettings, topics: readonly string[]): readonly string[] {
  return transformNames(filters).filter((name) => {
    const setting = (key: string) => filters[`transforms.${name}.${key}`];
    if (!FILTER.test(setting('type') ?? '')) return false;
    const regex = setting('topic.regex');
    if (regex !== undefined && topics.every((topic) => matchesWhole(regex, topic) === false)) return false;
    return topics.some((topic) => applies(filters, name, topic) !== 'never');
  });
}
