import { SOURCES, topicSetting } from '../activity/source.ts';
import type { Configuration } from './configuration.ts';
import { defaultGroup, defaultSourceTopic, notificationTopic, READERS } from './kafka-names.ts';
import { type SettingUser, whyWithoutEffect } from './setting-uses.ts';
import { SETTINGS, type Setting, type SettingName } from './settings.ts';
import { publicationName, slotName, sourceSetting } from './source-server.ts';

interface DescribedSetting {
  readonly name: SettingName;
  /** `flag`, `environment`, `file`, `default`, `unset`, or the setting that the value is derived from. */
  readonly from: string;
  /** As it was written; secrets are masked. */
  readonly value: string;
}

export interface DescribedConfiguration {
  /** Every setting that has an effect on the command. */
  readonly effective: readonly DescribedSetting[];
  /** Settings that are set and have none. */
  readonly withoutEffect: readonly (DescribedSetting & { readonly because: string })[];
}

export function describeConfiguration(configuration: Configuration, user: SettingUser): DescribedConfiguration {
  const { settings, origins } = configuration;
  const names = Object.keys(SETTINGS) as SettingName[];
  const described = names.map((name) => ({
    ...describeSetting(name, configuration, user),
    because: whyWithoutEffect(user, name, settings),
  }));
  return {
    effective: described.filter(({ because }) => because === undefined),
    withoutEffect: described.flatMap(({ because, ...setting }) =>
      because !== undefined && IS_SET.has(origins[setting.name]) ? [{ ...setting, because }] : [],
    ),
  };
}

const IS_SET: ReadonlySet<string> = new Set(['flag', 'environment', 'file']);

function describeSetting(name: SettingName, configuration: Configuration, user: SettingUser): DescribedSetting {
  const { origins, texts } = configuration;
  const derived = IS_SET.has(origins[name]) ? undefined : derive(name, configuration, user);
  const from = derived === undefined ? origins[name] : `derived from ${derived.from}`;
  return { name, from, value: masked(SETTINGS[name], derived?.value ?? texts[name] ?? '') };
}

interface Derived {
  readonly from: SettingName;
  readonly value: string | undefined;
}

/** The value of a setting that is not set, if another setting decides it. */
function derive(name: SettingName, { settings, texts }: Configuration, user: SettingUser): Derived | undefined {
  if (ownTopic(name)) return { from: 'OWN_PREFIX', value: texts[name] };
  const source = SOURCES.find((each) => topicSetting(each) === name);
  if (source !== undefined) return { from: 'TOPIC_PREFIX', value: defaultSourceTopic(settings, source) };
  switch (name) {
    case 'SLOT_DATABASE_URL':
      return { from: 'DATABASE_URL', value: settings.DATABASE_URL };
    case 'SOURCE_DATABASE_URL':
      return { from: sourceSetting(settings), value: settings[sourceSetting(settings)] };
    case 'KAFKA_GROUP_ID':
      return { from: 'OWN_PREFIX', value: groupsOf(settings.OWN_PREFIX, user).join(',') };
    case 'REPLICATION_SLOT':
      return { from: 'TOPIC_PREFIX', value: slotName(settings) };
    case 'PUBLICATION':
      return {
        from: settings.REPLICATION_SLOT === undefined ? 'TOPIC_PREFIX' : 'REPLICATION_SLOT',
        value: publicationName(settings),
      };
    case 'NOTIFICATION_TOPIC':
      return { from: 'TOPIC_PREFIX', value: notificationTopic(settings) };
    default:
      return undefined;
  }
}

function ownTopic(name: SettingName): boolean {
  return 'isOwnTopic' in SETTINGS[name];
}

/** Both for `doctor`. */
function groupsOf(ownPrefix: string, { name }: SettingUser): readonly string[] {
  const own = READERS.filter((reader) => reader === name);
  return (own.length === 0 ? READERS : own).map((reader) => defaultGroup(ownPrefix, reader));
}

const MASK = '••••••';

/** Masks a secret; of a secret URL, protocol, host and path stay readable. */
function masked(setting: Setting<unknown>, text: string): string {
  if (!setting.secret || text === '') return text;
  if (!/^\w+:\/\//.test(text) || !URL.canParse(text)) return MASK;
  const { protocol, host, pathname } = new URL(text);
  return `${protocol}//${MASK}@${host}${pathname}`;
}
