import { nearest } from '../runtime/nearest.ts';
import { SETTINGS, type SettingName } from './settings.ts';

/** A variable that looks like a setting and is none. */
export interface MisspeltSetting {
  readonly variable: string;
  /** The setting that was probably meant, or all that begin with the same prefix. */
  readonly similar: readonly SettingName[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Every variable that is near a setting, or has a prefix that only settings of lastseen have. */
export function findMisspeltSettings(environment: Environment): readonly MisspeltSetting[] {
  const services = serviceNames(environment);
  return Object.keys(environment)
    .filter((variable) => environment[variable] && !isKnown(variable) && !isOfOthers(variable, services))
    .flatMap((variable) => {
      const similar = similarSettings(variable, environment);
      return similar.length === 0 ? [] : [{ variable, similar }];
    });
}

export function describeMisspeltSetting({ variable, similar }: MisspeltSetting): string {
  const [meant] = similar;
  return similar.length === 1
    ? `${variable} is not a setting: did you mean ${meant}?`
    : `${variable} is not a setting; those that begin like it: ${similar.join(', ')}`;
}

const NAMES = Object.keys(SETTINGS) as SettingName[];

function isKnown(variable: string): boolean {
  return NAMES.some((name) => variable === name || variable === fileOf(name));
}

/** The variable that names the file of a secret. */
function fileOf(name: SettingName): string | undefined {
  return 'secret' in SETTINGS[name] ? `${name}_FILE` : undefined;
}

/** Prefixes that programs other than lastseen do not use. */
const OWN_PREFIXES = [
  'INACTIVITY_',
  'KPI_LOOKBACK_',
  'KPI_UPDATED_',
  'TRACK_DLQ_',
  'RECOMPUTE_',
  'DLQ_',
  'FLUSH_MAX_',
  'SWEEP_',
  'FRESHNESS_',
];

function similarSettings(variable: string, environment: Environment): readonly SettingName[] {
  const upper = variable.toUpperCase().replace(/^LASTSEEN_/, '');
  const meant = meantSetting(upper);
  const prefix = OWN_PREFIXES.find((each) => upper.startsWith(each));
  if (prefix !== undefined) {
    return meant === undefined ? NAMES.filter((name) => name.startsWith(prefix)) : [meant];
  }
  // If the setting itself is set, the variable is probably another program's, such as DATABASE_URI.
  return meant === undefined || environment[meant] || environment[fileOf(meant) ?? ''] ? [] : [meant];
}

function meantSetting(upper: string): SettingName | undefined {
  // A short name, such as SOURCE or LOGLEVEL, is often another program's.
  if (upper.length < (upper.includes('_') ? 8 : 9)) return NAMES.find((name) => name === upper);
  // KAFKA_SASL_USER, KAFKA_SSL
  const begun = upper.includes('_') ? NAMES.find((name) => name.startsWith(upper)) : undefined;
  // KAFKA_BROKERS_FILE, STOP_WITHIN_SECONDS
  const withUnit = NAMES.find((name) => upper.startsWith(`${name}_`) && UNITS.has(upper.slice(name.length + 1)));
  return begun ?? withUnit ?? nearest(upper, NAMES, upper.length < 18 ? 1 : 2);
}

const UNITS = new Set(['FILE', 'MS', 'SECONDS', 'MINUTES', 'HOURS', 'DAYS', 'BYTES']);

/** Names that other programs use, one letter from a setting. */
const OF_OTHERS = new Set(['HTTPS_PORT', 'HTTPS_HOST', 'HTTP_PORTS']);

function isOfOthers(variable: string, services: readonly string[]): boolean {
  return (
    OF_OTHERS.has(variable) ||
    LINK.test(variable) ||
    services.some((service) => new RegExp(`^${service}_(SERVICE_.+|PORT(_.+)?)$`).test(variable))
  );
}

/** As Kubernetes and Docker set it for each service: `KAFKA_PORT_9092_TCP_ADDR`. */
const LINK = /_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/;

/** The services whose addresses Kubernetes sets: `KAFKA_SERVICE_HOST`, `KAFKA_SERVICE_PORT`, `KAFKA_PORT`. */
function serviceNames(environment: Environment): readonly string[] {
  return Object.keys(environment).flatMap((variable) => /^(\w+)_SERVICE_HOST$/.exec(variable)?.[1] ?? []);
}
