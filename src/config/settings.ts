import { z } from 'zod';
import { SOURCES, type Source, topicSetting } from '../activity/source.ts';
import { postgresTlsMistake } from '../runtime/postgres-url.ts';

/** One setting: how it is parsed, its default and its description. */
export interface Setting<T> {
  readonly read: z.ZodType<T, string | undefined>;
  /** The default, as text in the environment. */
  readonly fallback?: string;
  /** The default is the name of an own topic, and begins with `OWN_PREFIX` instead. */
  readonly isOwnTopic?: true;
  readonly about: string;
  /** Never printed; may also be in a file, whose path is in `NAME_FILE`. */
  readonly secret?: true;
  /** Commands that use this service require the setting. */
  readonly neededFor?: Service;
}

/** A service that commands connect to. */
export type Service = 'postgres' | 'kafka' | 'registry';

const SASL_MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;

const text = z.string().min(1, 'must not be empty');
const optional = text.optional();
const yesOrNo = z
  .string()
  .toLowerCase()
  .pipe(z.enum(['true', 'false', '1', '0', 'yes', 'no'], 'must be true or false'))
  .transform((value) => ['true', '1', 'yes'].includes(value));
const number = z
  .string()
  .trim()
  .refine((value) => value !== '' && Number.isFinite(Number(value)), 'must be a number')
  .transform(Number);
const whole = number.pipe(z.number().int('must be a whole number'));
const positive = whole.pipe(z.number().min(1, 'must be 1 or more'));
const port = whole.pipe(z.number().min(0, 'must be a port, 0 to 65535').max(65_535, 'must be a port, 0 to 65535'));
const share = number.pipe(z.number().gt(0, 'must be above 0').max(1, 'must be at most 1'));
const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** In milliseconds. */
const duration = z.string().transform((value, context) => {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(value.trim());
  if (match !== null) return Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS];
  context.addIssue({ code: 'custom', message: 'must be a duration such as 250ms, 30s, 10m, 2h or 1d' });
  return z.NEVER;
});
const postgresUrl = text
  .refine(
    (value) => /^postgres(ql)?:\/\/./.test(value) && URL.canParse(value) && isDecodable(value),
    'must be a URL such as postgres://user:password@host:5432/database (special characters as %XX)',
  )
  .superRefine((value, context) => {
    const mistake = URL.canParse(value) ? postgresTlsMistake(new URL(value)) : undefined;
    if (mistake !== undefined) context.addIssue({ code: 'custom', message: mistake });
  });
const httpUrl = text
  .refine((value) => /^https?:\/\/./.test(value) && URL.canParse(value), 'must be an http:// or https:// URL')
  .refine(
    (value) => !URL.canParse(value) || new URL(value).username === '',
    'must not contain a user name or password: they have settings of their own',
  );
const brokerList = text.transform((value, context) => {
  const brokers = value.split(',').map((broker) => broker.trim());
  if (brokers.every((broker) => /^[^\s:]+:\d+$/.test(broker))) return brokers;
  context.addIssue({ code: 'custom', message: 'must be host:port[,host:port…]' });
  return z.NEVER;
});
const saslMechanism = text.toUpperCase().pipe(z.enum(SASL_MECHANISMS, `must be ${SASL_MECHANISMS.join(', ')}`));
const sourceList = text.transform((value, context) => {
  const names = value.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !(SOURCES as readonly string[]).includes(name));
  if (unknown.length === 0) return names as Source[];
  context.addIssue({ code: 'custom', message: `has no source ${unknown.join(', ')}; sources: ${SOURCES.join(', ')}` });
  return z.NEVER;
});

const dayList = text.transform((value, context) => {
  const days = value.split(',').map((day) => positive.safeParse(day));
  if (days.every((day) => day.success)) return days.map((day) => day.data).sort((a, b) => a - b);
  context.addIssue({ code: 'custom', message: 'must be whole numbers of days above 0, such as 7 or 7,14,21' });
  return z.NEVER;
});

function isDecodable(text: string): boolean {
  try {
    return decodeURIComponent(text) !== '';
  } catch {
    return false;
  }
}

function setting<T>(read: z.ZodType<T, string | undefined>, about: string, fallback?: string): Setting<T> {
  return { read, about, ...(fallback === undefined ? {} : { fallback }) };
}

function ownTopic(about: string, fallback: string): Setting<string> {
  return { ...setting(text, about, fallback), isOwnTopic: true };
}

function needed<T>(neededFor: Service, read: z.ZodType<T, string>, about: string): Setting<T | undefined> {
  return { read: read.optional(), about, neededFor };
}

function secret<T>(setting: Setting<T>): Setting<T> {
  return { ...setting, secret: true };
}

/** Every environment variable that lastseen reads. `npm run docs` writes the table of the README from it. */
export const SETTINGS = {
  DATABASE_URL: secret(needed('postgres', postgresUrl, 'Postgres with the `lastseen` schema and `weekly_kpi`')),
  SLOT_DATABASE_URL: secret(
    setting(
      postgresUrl.optional(),
      'database of the connector’s slot, if it is another one: log positions, publication and signals; default `DATABASE_URL`',
    ),
  ),
  SOURCE_DATABASE_URL: secret(
    setting(
      postgresUrl.optional(),
      'database of the source tables, such as a replica; default `SLOT_DATABASE_URL`, else `DATABASE_URL`',
    ),
  ),
  KAFKA_BROKERS: needed('kafka', brokerList, 'bootstrap brokers, `host:port` separated by commas'),
  KAFKA_CLIENT_ID: setting(text, 'client id in the logs of the brokers', 'lastseen'),
  OWN_PREFIX: setting(
    z.string().regex(/^[a-zA-Z0-9._-]{1,100}$/, 'must be letters, digits, dots, hyphens or underscores'),
    'begins the names of consumer groups and own topics by default; a second installation on the same brokers needs another one',
    'lastseen',
  ),
  KAFKA_GROUP_ID: setting(
    optional,
    'consumer group, another one for `track` than for `recompute`; default `<OWN_PREFIX>-track` or `<OWN_PREFIX>-recompute`',
  ),
  KAFKA_SESSION_TIMEOUT: setting(
    duration,
    'time without a heartbeat after which the group reassigns the partitions of a member',
    '30s',
  ),
  KAFKA_SSL_ENABLED: setting(yesOrNo, 'use TLS to the brokers and verify their certificates', 'false'),
  KAFKA_SSL_CA_FILE: setting(optional, 'PEM file with the CA certificates for the brokers; default those of Node'),
  KAFKA_SSL_CERT_FILE: setting(optional, 'PEM file with the client certificate, if the brokers require one'),
  KAFKA_SSL_KEY_FILE: setting(optional, 'PEM file with the key of the client certificate'),
  KAFKA_SSL_KEY_PASSPHRASE: secret(setting(optional, 'passphrase of an encrypted key')),
  KAFKA_SASL_MECHANISM: setting(saslMechanism.optional(), '`PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`'),
  KAFKA_SASL_USERNAME: setting(optional, 'user name for the brokers'),
  KAFKA_SASL_PASSWORD: secret(setting(optional, 'password for the brokers')),
  SCHEMA_REGISTRY_URL: needed('registry', httpUrl, 'schema registry with the Confluent API'),
  SCHEMA_REGISTRY_TIMEOUT: setting(duration, 'timeout of one request to the registry', '5s'),
  SCHEMA_REGISTRY_CA_FILE: setting(
    optional,
    'PEM file with the CA certificates for the registry; default those of Node',
  ),
  SCHEMA_REGISTRY_USERNAME: setting(optional, 'user name for the registry (basic authentication)'),
  SCHEMA_REGISTRY_PASSWORD: secret(setting(optional, 'password for the registry')),
  SCHEMA_REGISTRY_TOKEN: secret(
    setting(optional, 'token for the registry, instead of a user name (bearer authentication)'),
  ),
  CONNECT_URL: setting(
    httpUrl.optional(),
    'Kafka Connect’s REST interface. If set, `doctor` and the proof of freshness check the connector’s settings',
  ),
  SOURCES: setting(sourceList, 'the enabled sources, separated by commas', SOURCES.join(',')),
  ATTEMPT_SOURCE: setting(
    z.enum(['topic', 'exam_results'], 'must be topic or exam_results'),
    '`topic`: `attempt` is a captured table; `exam_results`: an exam result with a question is an attempt',
    'topic',
  ),
  TOPIC_PREFIX: setting(text, 'source topics are `<prefix>.public.<table>`', 'seedtest'),
  ...(Object.fromEntries(
    SOURCES.map((source) => [topicSetting(source), setting(optional, `topic of \`${source}\`, if its name differs`)]),
  ) as Record<ReturnType<typeof topicSetting>, Setting<string | undefined>>),
  INACTIVITY_TOPIC: ownTopic('topic of inactivity events', 'lastseen.inactivity.v1'),
  KPI_UPDATED_TOPIC: ownTopic('topic of updates of P and S', 'lastseen.kpi-updated.v1'),
  TRACK_DLQ_TOPIC: ownTopic('topic of the dead letters of `track`', 'lastseen.track.dlq.v1'),
  RECOMPUTE_DLQ_TOPIC: ownTopic('topic of the dead letters of `recompute`', 'lastseen.recompute.dlq.v1'),
  RECOMPUTE_RETRY_TOPIC: ownTopic(
    'topic of events that failed in `recompute` and are retried',
    'lastseen.recompute.retry.v1',
  ),
  RECOMPUTE_RETRY_DELAY: setting(duration, 'wait before each of the three retries', '1m'),
  TOPIC_PARTITIONS: setting(positive, 'partitions of topics that `topics` creates', '4'),
  TOPIC_REPLICATION: setting(positive, 'replicas of topics that `topics` creates', '1'),
  MAX_CLOCK_SKEW: setting(
    duration,
    'longest time by which an activity may be later than the commit of its record',
    '10m',
  ),
  DLQ_MAX_SHARE: setting(share, 'share of dead letters among the last 1,000 records that stops a consumer', '0.05'),
  DLQ_UNREADABLE_MAX: setting(
    whole.pipe(z.number().min(0, 'must be 0 or more')),
    'open dead letters of a source without a readable learner above which no sweep is fresh',
    '0',
  ),
  FLUSH_MAX_DELAY: setting(duration, 'longest time that a record waits for its transaction', '10ms'),
  FLUSH_MAX_DELAY_BEHIND: setting(
    duration,
    'the same in `track` and `replay` while more than one fetch is waiting at the broker; a longer time writes fewer rows',
    '10s',
  ),
  FLUSH_MAX_ROWS: setting(
    positive,
    'learners after which a transaction is written as soon as no other one is running',
    '120000',
  ),
  QUEUE_MAX_BYTES: setting(positive, 'most bytes of records that wait to be decoded', '2097152'),
  INACTIVITY_THRESHOLD_DAYS: setting(
    dayList,
    'days without activity after which a learner is inactive; or several thresholds, such as `7,14,21`',
    '7',
  ),
  KPI_LOOKBACK_DAYS: setting(positive, 'days without activity after which a learner gets no more events', '30'),
  INACTIVITY_REFRESH: setting(
    z.enum(['daily', 'off'], 'must be daily or off'),
    'whether learners who are still inactive get one `ONGOING` event per UTC day',
    'daily',
  ),
  MAX_CROSSED_SHARE: setting(
    share,
    'share of the active learners; a sweep in which more cross a threshold is held for approval',
    '0.2',
  ),
  SWEEP_VERIFY: setting(
    z.enum(['crossed', 'off'], 'must be crossed or off'),
    '`crossed`: a sweep looks up who would get `CROSSED` in the source tables first; `off`: it trusts last seen',
    'crossed',
  ),
  WAIT_FRESH: setting(
    duration,
    'longest time that a sweep or an audit waits until all changes committed at the source are applied',
    '10m',
  ),
  FRESHNESS_PROOF: setting(
    z.enum(['slot', 'connect', 'both'], 'must be slot, connect or both'),
    'what shows how far the connector has delivered: its replication slot, the source offset that Kafka Connect has committed, or both',
    'slot',
  ),
  REPLICATION_SLOT: setting(optional, 'the connector’s `slot.name`; default `TOPIC_PREFIX`'),
  PUBLICATION: setting(optional, 'the connector’s `publication.name`; default the slot’s name'),
  NOTIFICATION_TOPIC: setting(
    optional,
    'the connector’s `notification.sink.topic.name`; default `<TOPIC_PREFIX>.notifications`',
  ),
  METRICS_PROFILE: setting(
    z.enum(['standard', 'legacy'], 'must be standard or legacy'),
    '`legacy` computes the figures as the platform’s previous job did',
    'standard',
  ),
  METRICS_DEFAULT_TARGET: setting(number, 'target ability of learners without a goal', '0.0'),
  METRICS_TARGET_FROM: setting(
    z.enum(['default', 'interest_goal'], 'must be default or interest_goal'),
    'source of the target ability: `METRICS_DEFAULT_TARGET` or the table `interest_goal`',
    'default',
  ),
  METRICS_USE_BAYESIAN: setting(yesOrNo, 'compute P with the growth model', 'false'),
  R_BRMS_BASE_URL: setting(
    httpUrl.optional(),
    'growth service that is asked for P first, if `METRICS_USE_BAYESIAN` is true',
  ),
  METRICS_USE_IRT_THETA: setting(yesOrNo, 'compute I_t from fitted abilities if both windows have one', 'false'),
  METRICS_CHURN_HORIZON_DAYS: setting(whole, 'days without activity that count fully in S', '14'),
  HTTP_PORT: setting(
    port.optional(),
    'port of /healthz, /readyz and /metrics of `track` and `recompute`; default no server, `0` any free port',
  ),
  HTTP_HOST: setting(text, 'address that the HTTP server listens on', '0.0.0.0'),
  STOP_WITHIN: setting(duration, 'longest time from SIGTERM to the exit of the process', '25s'),
  LOG_LEVEL: setting(
    z.enum(
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'must be trace, debug, info, warn, error, fatal or silent',
    ),
    'lowest level of log lines that are written',
    'info',
  ),
} as const;

export type SettingName = keyof typeof SETTINGS;
export type Settings = { readonly [N in SettingName]: (typeof SETTINGS)[N] extends Setting<infer T> ? T : never };
