import { LastseenError } from '../runtime/errors.ts';
import { shownPath } from '../runtime/pem-file.ts';
import { describeMisspeltSetting, findMisspeltSettings, type MisspeltSetting } from './misspelt-settings.ts';
import { findConflicts } from './setting-conflicts.ts';
import { SETTINGS, type Service, type Setting, type SettingName, type Settings } from './settings.ts';

type Origin = 'flag' | 'environment' | 'file' | 'default' | 'unset';

export interface Configuration {
  readonly settings: Settings;
  readonly origins: Readonly<Record<SettingName, Origin>>;
  /** Each value as it was written; undefined if it is unset. */
  readonly texts: SettingTexts;
  readonly misspelt: readonly MisspeltSetting[];
}

export type SettingTexts = Readonly<Partial<Record<SettingName, string | undefined>>>;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the whole configuration. Flags override the environment, and the environment overrides defaults; an empty
 * variable counts as unset. A secret may be in a file instead, whose path is in `NAME_FILE`.
 *
 * @param needs the services that the command uses: the settings they need must be set
 * @throws LastseenError `config_invalid` with all mistakes, one per line
 */
export function readConfiguration(
  environment: Environment,
  flags: SettingTexts,
  needs: readonly Service[],
  readFile: (path: string) => string,
): Configuration {
  const settings: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  const texts: Record<string, string | undefined> = {};
  const mistakes: string[] = [];
  for (const [name, setting] of Object.entries(SETTINGS) as [SettingName, Setting<unknown>][]) {
    const found = effective(name, withOwnPrefix(setting, settings['OWN_PREFIX']), environment, flags, readFile);
    if ('mistake' in found) {
      mistakes.push(found.mistake);
      continue;
    }
    const { text, origin } = found;
    origins[name] = origin;
    texts[name] = text;
    if (text === undefined && setting.neededFor !== undefined && needs.includes(setting.neededFor)) {
      mistakes.push(`${name} is not set: ${setting.about}`);
      continue;
    }
    const result = setting.read.safeParse(text);
    if (result.success) settings[name] = result.data;
    else mistakes.push(...result.error.issues.map((issue) => `${name} ${issue.message}${shown(setting, text)}`));
  }
  if (mistakes.length === 0) mistakes.push(...findConflicts(settings));
  const misspelt = findMisspeltSettings(environment);
  if (mistakes.length > 0) {
    throw new LastseenError('config_invalid', [...mistakes, ...misspelt.map(describeMisspeltSetting)].join('\n'));
  }
  return { settings: settings as Settings, origins: origins as Record<SettingName, Origin>, texts, misspelt };
}

/** `OWN_PREFIX` comes before the topics that it names. */
function withOwnPrefix(setting: Setting<unknown>, prefix: unknown): Setting<unknown> {
  if (!setting.isOwnTopic || typeof prefix !== 'string' || setting.fallback === undefined) return setting;
  return { ...setting, fallback: setting.fallback.replace(/^lastseen/, () => prefix) };
}

type Found = { readonly text: string | undefined; readonly origin: Origin } | { readonly mistake: string };

function effective(
  name: SettingName,
  setting: Setting<unknown>,
  environment: Environment,
  flags: SettingTexts,
  readFile: (path: string) => string,
): Found {
  const flag = flags[name];
  if (flag !== undefined) return { text: flag, origin: 'flag' };
  const variable = environment[name] || undefined;
  const path = setting.secret ? environment[`${name}_FILE`] || undefined : undefined;
  if (path !== undefined && variable !== undefined) {
    return { mistake: `${name} and ${name}_FILE are both set: unset one of them` };
  }
  if (path !== undefined) return fromFile(`${name}_FILE`, path, readFile);
  if (variable !== undefined) return { text: variable, origin: 'environment' };
  return setting.fallback === undefined
    ? { text: undefined, origin: 'unset' }
    : { text: setting.fallback, origin: 'default' };
}

/** Drops a newline at the end, which editors and `kubectl create secret --from-file` leave there. */
function fromFile(name: string, path: string, readFile: (path: string) => string): Found {
  try {
    const text = readFile(path).replace(/\r?\n$/, '');
    return text === '' ? { mistake: `${name}${shownPath(path)} is empty` } : { text, origin: 'file' };
  } catch (error) {
    return {
      mistake: `${name}${shownPath(path)} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`,
    };
  }
}

/** The rejected value for a message. Not shown if it may be secret: a URL has its password before the @. */
function shown(setting: Setting<unknown>, text: string | undefined): string {
  return setting.secret || text === undefined || text.includes('@') ? '' : `, not "${text}"`;
}
