import { LastseenError } from './errors.ts';
import { type Part, SETTINGS, type Setting, type SettingName, type Settings } from './settings.ts';

/** Where an effective value came from. */
export type Origin = 'flag' | 'environment' | 'default' | 'unset';

export interface Configuration {
  readonly settings: Settings;
  readonly origins: Readonly<Record<SettingName, Origin>>;
}

export type Texts = Readonly<Partial<Record<SettingName, string | undefined>>>;

/**
 * Reads the whole configuration at once. Flags win over the environment, the environment over defaults; an empty
 * variable counts as unset.
 *
 * @param needs the parts the command talks to: their names must be there.
 * @throws LastseenError `config_invalid` with every mistake, a line each.
 */
export function readConfiguration(
  environment: Readonly<Record<string, string | undefined>>,
  flags: Texts,
  needs: readonly Part[],
): Configuration {
  const settings: Record<string, unknown> = {};
  const origins: Record<string, Origin> = {};
  const mistakes: string[] = [];
  for (const [name, setting] of Object.entries(SETTINGS) as [SettingName, Setting<unknown>][]) {
    const [text, origin] = effective(name, setting, environment, flags);
    origins[name] = origin;
    if (text === undefined && setting.neededFor !== undefined && needs.includes(setting.neededFor)) {
      mistakes.push(`${name} is not set: ${setting.about}`);
      continue;
    }
    const result = setting.read.safeParse(text);
    if (result.success) settings[name] = result.data;
    else mistakes.push(...result.error.issues.map((issue) => `${name} ${issue.message}${shown(setting, text)}`));
  }
  if (mistakes.length > 0) throw new LastseenError('config_invalid', mistakes.join('\n'));
  return { settings: settings as Settings, origins: origins as Record<SettingName, Origin> };
}

function effective(
  name: SettingName,
  setting: Setting<unknown>,
  environment: Readonly<Record<string, string | undefined>>,
  flags: Texts,
): [string | undefined, Origin] {
  const flag = flags[name];
  if (flag !== undefined) return [flag, 'flag'];
  const variable = environment[name];
  if (variable !== undefined && variable !== '') return [variable, 'environment'];
  return setting.fallback === undefined ? [undefined, 'unset'] : [setting.fallback, 'default'];
}

function shown(setting: Setting<unknown>, text: string | undefined): string {
  return setting.secret || text === undefined ? '' : `, not "${text}"`;
}

/** The effective values for people: name, value with secrets masked, origin. */
export function describeConfiguration({ settings, origins }: Configuration): [SettingName, string, Origin][] {
  return (Object.keys(SETTINGS) as SettingName[]).map((name) => {
    const value = settings[name];
    const text = value === undefined ? '' : Array.isArray(value) ? value.join(',') : String(value);
    const setting: Setting<unknown> = SETTINGS[name];
    return [name, setting.secret && text !== '' ? '••••••' : text, origins[name]];
  });
}
