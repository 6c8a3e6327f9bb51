import { SETTINGS, type Setting, type SettingName } from '../config/settings.ts';
import type { TopicSpec } from '../kafka/admin/admin.ts';
import type { GroupFacts } from '../kafka/admin/groups.ts';
import { describeHidden } from '../kafka/admin/hidden-records.ts';
import type { EndPosition } from '../kafka/admin/offsets.ts';
import { differencesOf } from '../kafka/admin/topic-differences.ts';
import type { TopicSettings } from '../kafka/admin/topic-settings.ts';
import { describeMissingTopics } from '../preflight/capture-names.ts';
import { type Advice, type Finding, failed, ok, warning } from '../preflight/finding.ts';
import type { SchemaCheck } from '../registry/own-schemas.ts';
import { must } from '../runtime/must.ts';

const INSTALL = 'docs/deploying.md#requirements';
const CREATE_TOPICS: Advice = {
  hint: 'run `lastseen topics`',
  page: INSTALL,
  remedy: { command: 'lastseen topics' },
};

export function brokers(count: number): Finding {
  return ok(count === 1 ? '1 broker answers' : `${count} brokers answer`);
}

/** What else there is, if topics are missing. */
export interface MissingTopics {
  /** The source has a slot or publication that is named like the prefix, so topics with it are wanted. */
  readonly isPrefixConfirmed: boolean;
  readonly topicPrefix: string;
  readonly ownPrefix: string;
  /** All that exist. */
  readonly allTopics: readonly string[];
}

/** The other values of OWN_PREFIX for which a topic of inactivity events exists. */
function otherOwnPrefixes(ownPrefix: string, topics: readonly string[]): readonly string[] {
  const byDefault = (setting: Setting<string>) => must(setting.fallback, 'names have a default');
  const ending = byDefault(SETTINGS.INACTIVITY_TOPIC).slice(byDefault(SETTINGS.OWN_PREFIX).length);
  return topics
    .filter((topic) => topic.endsWith(ending))
    .map((topic) => topic.slice(0, -ending.length))
    .filter((prefix) => prefix !== ownPrefix);
}

/** All missing topics of one kind are one finding, because one command creates them. */
export function topics(
  specs: readonly TopicSpec[],
  existing: readonly TopicSettings[],
  known: MissingTopics,
): readonly Finding[] {
  const found = new Map(existing.map((each) => [each.topic, each]));
  const missing = specs.filter(({ topic }) => !found.has(topic));
  const ofSources = missing.filter(({ owner }) => owner === 'connector').map(({ topic }) => topic);
  const own = missing.filter(({ owner }) => owner === 'lastseen').map(({ topic }) => topic);
  return [
    ...specs.flatMap((spec) => {
      const settings = found.get(spec.topic);
      return settings === undefined ? [] : [existingTopic(spec, settings)];
    }),
    ...(ofSources.length === 0 ? [] : [missingSourceTopics(ofSources, known)]),
    ...(own.length === 0 ? [] : [missingOwnTopics(own, ofSources.length === 0, known)]),
  ];
}

/** `lastseen topics` is advised only if the prefix is known to be right: it would create topics that nothing writes to. */
function missingSourceTopics(
  names: readonly string[],
  { topicPrefix, isPrefixConfirmed, allTopics }: MissingTopics,
): Finding {
  const message = describeMissingTopics(topicPrefix, names, allTopics);
  if (isPrefixConfirmed) return failed(message, CREATE_TOPICS);
  return failed(message, {
    hint: "correct TOPIC_PREFIX; if it is the connector's topic.prefix, start the connector and run `lastseen topics`",
    page: NAMES,
  });
}

const NAMES = 'docs/deploying.md#names';

function missingOwnTopics(names: readonly string[], areSourcesRight: boolean, known: MissingTopics): Finding {
  const message = `there are no topics ${names.join(', ')}`;
  if (!areSourcesRight && !known.isPrefixConfirmed)
    return failed(message, {
      hint: 'first correct the topics of the sources, then run `lastseen topics`',
      page: NAMES,
    });
  const others = otherOwnPrefixes(known.ownPrefix, known.allTopics);
  if (others.length === 0) return failed(message, CREATE_TOPICS);
  return failed(`${message}; topics of ${others.map((each) => `OWN_PREFIX=${each}`).join(', ')} exist`, {
    hint: 'correct OWN_PREFIX; if this is a new installation, run `lastseen topics`',
    page: NAMES,
    remedy: { setting: 'OWN_PREFIX' },
  });
}

function existingTopic(spec: TopicSpec, found: TopicSettings): Finding {
  const { partitions, replication, config } = found;
  const message =
    `${spec.topic}: ${partitions} partitions, ${replication} replicas, ` +
    `${config.get('cleanup.policy')}, retention.ms ${config.get('retention.ms')}`;
  const differences = differencesOf(spec, found);
  if (differences.length === 0) return ok(message);
  const lines = differences.map(({ what, is, wanted }) => `${what} is ${is}, not ${wanted}`);
  return warning(`${message}: ${lines.join('; ')}`, {
    hint: 'run `lastseen topics --check`, which prints the commands to run',
    page: INSTALL,
  });
}

export function schemas(checks: readonly SchemaCheck[]): readonly Finding[] {
  const missing = checks.filter(
    ({ registeredId, incompatibilities }) => registeredId === undefined && incompatibilities.length === 0,
  );
  return [
    ...checks.flatMap(({ subject, registeredId, incompatibilities }) => {
      if (registeredId !== undefined) return [ok(`${subject} is registered (id ${registeredId})`)];
      if (incompatibilities.length === 0) return [];
      const hint = 'check that the deployed release is this one';
      return [failed(`${subject} is incompatible: ${incompatibilities.join('; ')}`, { hint, page: 'docs/schemas.md' })];
    }),
    ...(missing.length === 0
      ? []
      : [
          failed(`schemas are not registered: ${missing.map(({ subject }) => subject).join(', ')}`, {
            hint: 'run `lastseen schemas register`',
            page: INSTALL,
            remedy: { command: 'lastseen schemas register' },
          }),
        ]),
  ];
}

export function group(
  command: string,
  { group: name, state, members, subscriptions }: GroupFacts & { readonly group: string },
  lag: bigint,
  topics: readonly string[],
  setting: SettingName,
): Finding {
  const message =
    state === 'Dead'
      ? `group ${name} does not exist yet, ${lag} records behind`
      : `group ${name}: ${members} members, ${state}, ${lag} records behind`;
  const other = subscriptions.find((each) => new Set(each.topics).symmetricDifference(new Set(topics)).size > 0);
  if (other !== undefined) {
    const isForeign = other.topics.every((topic) => !topics.includes(topic));
    return failed(`${message}: member ${other.member} reads ${other.topics.join(', ')}`, {
      hint: isForeign
        ? `it belongs to another ${setting === 'KAFKA_GROUP_ID' ? 'command or ' : ''}installation: set ${setting} to another value than there`
        : `this process would read ${topics.join(', ')}: restart \`${command}\` after a change of SOURCES`,
      page: 'docs/operations/backup-and-recovery.md#two-installations',
      ...(isForeign ? { remedy: { setting } } : {}),
    });
  }
  if (members > 0) return ok(message);
  return warning(`${message}: no process reads`, {
    hint: `start \`lastseen ${command}\``,
    page: 'docs/runbooks/LastseenProcessAbsent.md',
  });
}

/** Open transactions of other producers keep records from every consumer. */
export function hiddenRecords(ends: readonly EndPosition[]): readonly Finding[] {
  const hidden = ends.filter(({ nextOffset, stableOffset }) => stableOffset < nextOffset);
  if (hidden.length === 0) return [ok('no open transaction hides records')];
  return hidden.map((end) =>
    warning(describeHidden(end), {
      hint: 'if its producer is gone, abort the transaction',
      page: 'docs/runbooks/LastseenRecordsHidden.md',
    }),
  );
}
