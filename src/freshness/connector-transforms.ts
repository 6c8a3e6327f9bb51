/** The settings of a connector by their names. */
export type ConnectorSettings = Readonly<Record<string, string>>;

/** The names of the transforms, in the order in which a record passes them. */
export function transformNames(settings: ConnectorSettings): readonly string[] {
  return (settings['transforms'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

type Applies = 'always' | 'never' | 'unknown';

/** Whether a transform applies to the records with rows of this topic, by its predicate. */
export function applies(settings: ConnectorSettings, transform: string, topic: string): Applies {
  const predicate = settings[`transforms.${transform}.predicate`];
  if (predicate === undefined) return 'always';
  const isNegated = settings[`transforms.${transform}.negate`] === 'true';
  const type = settings[`predicates.${predicate}.type`] ?? '';
  // A tombstone is no row.
  if (type.endsWith('.RecordIsTombstone')) return isNegated ? 'always' : 'never';
  if (!type.endsWith('.TopicNameMatches')) return 'unknown';
  const isMatch = matchesWhole(settings[`predicates.${predicate}.pattern`] ?? '', topic);
  if (isMatch === undefined) return 'unknown';
  return isMatch === isNegated ? 'never' : 'always';
}

/** Undefined if the pattern, which is one of Java, cannot be read here. */
export function matchesWhole(pattern: string, text: string, flags = ''): boolean | undefined {
  try {
    return new RegExp(`^(?:${pattern})$`, flags).test(text);
  } catch {
    return undefined;
  }
}

/** Where the transforms of a connector send the records of one topic. */
export interface Route {
  /** The topics that are possible; undefined for one that cannot be known. */
  readonly topics: ReadonlySet<string | undefined>;
  /** The transforms that change the topic, or may change it. */
  readonly transforms: readonly string[];
}

export function routeOf(settings: ConnectorSettings, from: string): Route {
  let topics: ReadonlySet<string | undefined> = new Set([from]);
  const transforms: string[] = [];
  for (const transform of transformNames(settings)) {
    const next = new Set([...topics].flatMap((topic) => routedBy(settings, transform, topic)));
    if (next.symmetricDifference(topics).size > 0) transforms.push(transform);
    topics = next;
  }
  return { topics, transforms };
}

/** Transforms of Kafka Connect, Debezium and Confluent that set the topic by a pattern. */
const BY_PATTERN: Readonly<Record<string, readonly [regex: string, replacement: string]>> = {
  'org.apache.kafka.connect.transforms.RegexRouter': ['regex', 'replacement'],
  'io.debezium.transforms.ByLogicalTableRouter': ['topic.regex', 'topic.replacement'],
};

/** Of the same projects: a class with such a name sets the topic, by the time or the content of a record. */
const ROUTER = /[.](?:\w*Router|ExtractTopic)(?:[$]\w+)?$/;

/** The topics of a record of this topic after one transform. */
function routedBy(
  settings: ConnectorSettings,
  transform: string,
  topic: string | undefined,
): readonly (string | undefined)[] {
  const setting = (key: string) => settings[`transforms.${transform}.${key}`];
  const type = setting('type') ?? '';
  const pattern = BY_PATTERN[type];
  const setsByField = type.endsWith('.ExtractNewRecordState') && setting('route.by.field') !== undefined;
  if (pattern === undefined && !ROUTER.test(type) && !setsByField) return [topic];
  if (topic === undefined) return [undefined];
  const when = applies(settings, transform, topic);
  if (when === 'never') return [topic];
  const [regex, replacement] = pattern ?? ['topic.regex', undefined];
  const isMatch = setting(regex) === undefined ? true : matchesWhole(setting(regex) ?? '', topic);
  if (isMatch === false) return [topic];
  const routed =
    replacement === undefined || isMatch === undefined
      ? undefined
      : topic.replace(new RegExp(setting(regex) ?? ''), (...match) => expand(setting(replacement) ?? '', match));
  return when === 'always' ? [routed] : [topic, routed];
}

/** A replacement of Java: `$1` is a group, `${name}` a named one, and a backslash escapes. */
function expand(replacement: string, match: readonly unknown[]): string {
  const named = (match.at(-1) ?? {}) as Readonly<Record<string, string>>;
  return replacement.replaceAll(
    /\\(.)|\$(\d)|\$\{(\w+)\}/g,
    (_, escaped?: string, group?: string, name?: string) =>
      escaped ?? String((group === undefined ? named[name ?? ''] : match[Number(group)]) ?? ''),
  );
}
