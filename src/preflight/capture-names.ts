import { SOURCES, type Source, topicSetting } from '../activity/source.ts';
import type { SettingName } from '../config/settings.ts';
import { type Advice, type Finding, failed, type Remedy } from './finding.ts';

/** The names of what changes arrive through, as they are in effect. */
export interface ConfiguredNames {
  readonly topicPrefix: string;
  readonly slot: string;
  readonly publication: string;
  /** Otherwise the slot is named after the prefix. */
  readonly isSlotSet: boolean;
  /** The enabled sources by their topics. */
  readonly topics: ReadonlyMap<string, Source>;
  /** Where the slot is looked for. */
  readonly databaseSetting: SettingName;
}

/** What there is. */
export interface ExistingNames {
  readonly database: string;
  /** The logical slots of the server. */
  readonly slots: readonly { readonly name: string; readonly database: string }[];
  /** The publications of the database, with the sources whose tables they have. */
  readonly publications: readonly { readonly name: string; readonly sources: readonly Source[] }[];
  /** The names that earlier looks at capture have found; undefined if there was none. */
  readonly recorded: { readonly slot: string | undefined; readonly publication: string | undefined } | undefined;
  /** All topics; undefined if they are not known. */
  readonly topics: readonly string[] | undefined;
}

const PAGE = 'docs/deploying.md#names';

/**
 * Names in the settings that are certainly wrong, because what is configured does not exist and what is meant does: a slot
 * in this database, and topics or earlier looks with the same name. One finding at most: the other names often derive from
 * the wrong one. A name that may only not exist yet is not wrong.
 */
export function wrongName(configured: ConfiguredNames, existing: ExistingNames): Finding | undefined {
  return (
    wrongPrefix(configured, existing) ??
    wrongTopic(configured, existing) ??
    wrongSlot(configured, existing) ??
    wrongPublication(configured, existing)
  );
}

/** Whether the server has a slot that is named like the prefix, or the one that is set. */
export function isPrefixConfirmed({ topicPrefix, slot, isSlotSet }: ConfiguredNames, existing: ExistingNames): boolean {
  const here = slotsHere(existing);
  return here.includes(slotNamed(topicPrefix)) || (isSlotSet && here.includes(slot));
}

/** For topics of sources that do not exist, if nothing shows which name is right. Topics are not created for a wrong one. */
export function describeMissingTopics(topicPrefix: string, missing: readonly string[], all: readonly string[]): string {
  const others = otherPrefixes(topicPrefix, all);
  const exist = others.slice(0, MOST_SHOWN).map((prefix) => `${prefix}.public.…`);
  const more = others.length > MOST_SHOWN ? ` and ${others.length - MOST_SHOWN} other prefixes` : '';
  return `there are no topics ${missing.join(', ')}${others.length === 0 ? '' : `; topics ${exist.join(', ')}${more} exist`}`;
}

const MOST_SHOWN = 5;

/** Slots of the connected database. */
export function slotsHere({ slots, database }: ExistingNames): readonly string[] {
  return slots.filter((slot) => slot.database === database).map(({ name }) => name);
}

/** The prefixes of topics of sources, other than this one. */
export function otherPrefixes(topicPrefix: string, topics: readonly string[]): readonly string[] {
  const tables = SOURCES.map((source) => `.public.${source}`);
  const prefixes = topics.flatMap((topic) => {
    const table = tables.find((each) => topic.endsWith(each));
    return table === undefined ? [] : [topic.slice(0, -table.length)];
  });
  return [...new Set(prefixes)].filter((prefix) => prefix !== '' && prefix !== topicPrefix).sort();
}

/** A slot can be named in lower case only, with letters, digits and underscores. */
function slotNamed(prefix: string): string {
  return prefix.toLowerCase().replaceAll(/[^a-z0-9_]/g, '_');
}

function setTo(setting: SettingName, value: string): Advice {
  return { hint: `set ${setting}=${value}`, page: PAGE, remedy: { setting, value } satisfies Remedy };
}

function wrongPrefix(configured: ConfiguredNames, existing: ExistingNames): Finding | undefined {
  const { topicPrefix, isSlotSet, slot, databaseSetting } = configured;
  if (existing.topics === undefined) return undefined;
  // In another database of the server: the address of the database is wrong.
  if (existing.slots.some(({ name }) => name === slotNamed(topicPrefix))) return undefined;
  const here = slotsHere(existing);
  const hasTopics = existing.topics.some((topic) => topic.startsWith(`${topicPrefix}.public.`));
  if (hasTopics && isSlotSet && here.includes(slot)) return undefined;
  const meant = otherPrefixes(topicPrefix, existing.topics).filter((prefix) => here.includes(slotNamed(prefix)));
  const [prefix] = meant;
  if (prefix === undefined || meant.length > 1) return undefined;
  const wrong = hasTopics
    ? `the topics ${topicPrefix}.public.… are of another database`
    : `there are no topics ${topicPrefix}.public.…`;
  return failed(
    `${wrong}: this database has the replication slot ${slotNamed(prefix)}, and topics ${prefix}.public.… exist`,
    { ...setTo('TOPIC_PREFIX', prefix), hint: `set TOPIC_PREFIX=${prefix}, or correct ${databaseSetting}` },
  );
}

function wrongTopic({ topicPrefix, topics }: ConfiguredNames, existing: ExistingNames): Finding | undefined {
  if (existing.topics === undefined) return undefined;
  const all = new Set(existing.topics);
  for (const [topic, source] of topics) {
    const usual = `${topicPrefix}.public.${source}`;
    if (!all.has(topic) && all.has(usual))
      return failed(`there is no topic ${topic}; topic ${usual} exists`, setTo(topicSetting(source), usual));
  }
  return undefined;
}

function wrongSlot(configured: ConfiguredNames, existing: ExistingNames): Finding | undefined {
  const { slot, isSlotSet, topicPrefix, databaseSetting } = configured;
  const { database, recorded, slots, topics } = existing;
  const here = slotsHere(existing);
  if (here.includes(slot)) return undefined;
  // Then the prefix may be wrong, from which the slot's name derives.
  if (!isSlotSet && topics === undefined) return undefined;
  const elsewhere = slots.find(({ name }) => name === slot);
  if (elsewhere !== undefined) {
    return failed(`replication slot ${slot} is in database ${elsewhere.database}, not in ${database}`, {
      hint: `correct the name of the database in ${databaseSetting}`,
      page: PAGE,
      remedy: { setting: databaseSetting },
    });
  }
  const meant = [slotNamed(topicPrefix), recorded?.slot].find((name) => name !== undefined && here.includes(name));
  if (meant === undefined) return undefined;
  return failed(
    `there is no replication slot ${slot} in this database; slot ${meant} exists`,
    setTo('REPLICATION_SLOT', meant),
  );
}

function wrongPublication(configured: ConfiguredNames, existing: ExistingNames): Finding | undefined {
  const { publication, slot, topicPrefix, topics } = configured;
  const { publications, recorded } = existing;
  if (publications.some(({ name }) => name === publication) || !slotsHere(existing).includes(slot)) return undefined;
  const wanted = [...topics.values()];
  const complete = publications.filter(({ sources }) => wanted.every((source) => sources.includes(source)));
  // Another product may have a publication of all tables.
  const names = [slot, slotNamed(topicPrefix), recorded?.publication];
  const meant = complete.find(({ name }) => names.includes(name));
  if (meant === undefined) return undefined;
  return failed(
    `there is no publication ${publication} in this database; publication ${meant.name} exists`,
    setTo('PUBLICATION', meant.name),
  );
}
