import { SOURCES, topicSetting } from '../activity/source.ts';
import { sourceTopics as topicsOfSources } from './kafka-names.ts';
import type { Service, SettingName, Settings } from './settings.ts';

export type CommandName =
  | 'migrate'
  | 'topics'
  | 'schemas register'
  | 'schemas check'
  | 'track'
  | 'sweep'
  | 'sweep runs'
  | 'sweep approve'
  | 'sweep discard'
  | 'recompute'
  | 'replay'
  | 'fresh'
  | 'audit'
  | 'audit runs'
  | 'dlq list'
  | 'dlq show'
  | 'dlq redrive'
  | 'dlq discard'
  | 'events tail'
  | 'prune'
  | 'kpi'
  | 'churn train'
  | 'churn show'
  | 'churn report'
  | 'explain'
  | 'forget'
  | 'doctor';

/** One run of a command, with the services that its flags make it use. */
export interface SettingUser {
  readonly name: CommandName;
  readonly services: readonly Service[];
}

/** Why a setting has no effect on a command; undefined if it has one. */
export function whyWithoutEffect(user: SettingUser, name: SettingName, settings: Settings): string | undefined {
  const { commands, services } = USES[name];
  const isUsed = commands?.includes(user.name) ?? true;
  const isConnected = services?.some((service) => user.services.includes(service)) ?? true;
  if (!isUsed || !isConnected) return `${user.name} does not use it`;
  if (name === 'HTTP_HOST' && settings.HTTP_PORT === undefined) return 'HTTP_PORT is not set';
  if (name === 'R_BRMS_BASE_URL' && !settings.METRICS_USE_BAYESIAN) return 'METRICS_USE_BAYESIAN is false';
  const source = SOURCES.find((each) => topicSetting(each) === name);
  if (source === undefined || [...topicsOfSources(settings).values()].includes(source)) return undefined;
  return settings.SOURCES.includes(source) ? 'ATTEMPT_SOURCE is exam_results' : `SOURCES does not contain ${source}`;
}

interface Use {
  /** The commands on which the setting has an effect; absent: all. */
  readonly commands?: readonly CommandName[];
  /** And only if they connect to one of these; absent: always. */
  readonly services?: readonly Service[];
}

const SWEEPS = ['sweep', 'sweep approve'] as const;
const CONSUMERS = ['track', 'recompute'] as const;
const LETTERS = ['dlq list', 'dlq show', 'dlq redrive'] as const;
const SCHEMAS = ['schemas register', 'schemas check'] as const;
const CHURN = ['churn train', 'churn report'] as const;
const FIGURES = ['recompute', 'kpi', 'explain'] as const;
/** Commands that prove that the table is fresh. */
const PROOF = ['track', ...SWEEPS, 'fresh', 'audit', 'doctor'] as const;
/** Commands that look at all topics. */
const TOPICS = ['topics', 'forget', 'doctor'] as const;

const on = (...commands: readonly CommandName[]): Use => ({ commands });
/** Not on `sweep --dry-run`, for example. */
const onKafka = (...commands: readonly CommandName[]): Use => ({ commands, services: ['kafka'] });

const postgres: Use = { services: ['postgres'] };
const kafka: Use = { services: ['kafka'] };
const registry: Use = { services: ['registry'] };
const sources = on(...PROOF, ...TOPICS, ...LETTERS, ...FIGURES, 'replay', ...CHURN);
const sourceTopics = onKafka(...PROOF, ...TOPICS, 'dlq redrive', 'replay');
const reading = onKafka(...CONSUMERS, ...LETTERS, 'events tail', 'replay');
const letters = onKafka(...TOPICS, ...LETTERS, 'replay');
const plan = on('sweep', 'replay', 'explain');
/** Of P and S, which `sweep --dry-run --with P,S` lists too. */
const figures = on(...FIGURES, 'sweep');
const http = on(...CONSUMERS);

/** On which commands each setting has an effect. */
const USES: Readonly<Record<SettingName, Use>> = {
  DATABASE_URL: postgres,
  SLOT_DATABASE_URL: on(...PROOF, ...FIGURES, 'replay', ...CHURN),
  SOURCE_DATABASE_URL: on(...SWEEPS, ...FIGURES, 'audit', 'doctor', ...CHURN),
  KAFKA_BROKERS: kafka,
  KAFKA_CLIENT_ID: kafka,
  OWN_PREFIX: {
    commands: [...TOPICS, ...SCHEMAS, ...SWEEPS, ...CONSUMERS, ...LETTERS, 'events tail', 'replay'],
    services: ['kafka', 'registry'],
  },
  KAFKA_GROUP_ID: on(...CONSUMERS, 'doctor'),
  KAFKA_SESSION_TIMEOUT: reading,
  KAFKA_SSL_ENABLED: kafka,
  KAFKA_SSL_CA_FILE: kafka,
  KAFKA_SSL_CERT_FILE: kafka,
  KAFKA_SSL_KEY_FILE: kafka,
  KAFKA_SSL_KEY_PASSPHRASE: kafka,
  KAFKA_SASL_MECHANISM: kafka,
  KAFKA_SASL_USERNAME: kafka,
  KAFKA_SASL_PASSWORD: kafka,
  SCHEMA_REGISTRY_URL: registry,
  SCHEMA_REGISTRY_TIMEOUT: registry,
  SCHEMA_REGISTRY_CA_FILE: registry,
  SCHEMA_REGISTRY_USERNAME: registry,
  SCHEMA_REGISTRY_PASSWORD: registry,
  SCHEMA_REGISTRY_TOKEN: registry,
  CONNECT_URL: onKafka(...PROOF, 'replay'),
  SOURCES: sources,
  ATTEMPT_SOURCE: sources,
  TOPIC_PREFIX: sourceTopics,
  TOPIC_EXAM_RESULTS: sourceTopics,
  TOPIC_FEATURES_TOPIC_DAILY: sourceTopics,
  TOPIC_ATTEMPT: sourceTopics,
  TOPIC_SESSION: sourceTopics,
  INACTIVITY_TOPIC: {
    commands: [...TOPICS, ...SCHEMAS, ...SWEEPS, ...CONSUMERS, 'dlq redrive', 'events tail', 'replay'],
    services: ['kafka', 'registry'],
  },
  KPI_UPDATED_TOPIC: {
    commands: [...TOPICS, ...SCHEMAS, 'recompute', 'events tail', 'replay'],
    services: ['kafka', 'registry'],
  },
  TRACK_DLQ_TOPIC: { ...letters, commands: [...(letters.commands ?? []), 'track'] },
  RECOMPUTE_DLQ_TOPIC: { ...letters, commands: [...(letters.commands ?? []), 'recompute'] },
  RECOMPUTE_RETRY_TOPIC: onKafka(...TOPICS, 'recompute'),
  RECOMPUTE_RETRY_DELAY: on('recompute'),
  TOPIC_PARTITIONS: on('topics', 'doctor'),
  TOPIC_REPLICATION: on('topics', 'doctor'),
  MAX_CLOCK_SKEW: onKafka('track', ...SWEEPS, 'audit', 'replay'),
  DLQ_MAX_SHARE: on(...CONSUMERS, 'replay'),
  DLQ_UNREADABLE_MAX: onKafka(...PROOF),
  FLUSH_MAX_DELAY: reading,
  FLUSH_MAX_DELAY_BEHIND: onKafka('track', ...LETTERS, 'events tail', 'replay'),
  FLUSH_MAX_ROWS: onKafka(...CONSUMERS, 'replay'),
  QUEUE_MAX_BYTES: reading,
  INACTIVITY_THRESHOLD_DAYS: on('sweep', 'replay', 'explain', 'kpi', 'doctor'),
  KPI_LOOKBACK_DAYS: on('sweep', 'replay', 'explain', 'kpi', 'prune', 'doctor'),
  INACTIVITY_REFRESH: plan,
  MAX_CROSSED_SHARE: onKafka('sweep'),
  SWEEP_VERIFY: onKafka(...SWEEPS),
  WAIT_FRESH: onKafka(...CONSUMERS, ...SWEEPS, 'audit', 'fresh', 'replay'),
  FRESHNESS_PROOF: onKafka(...PROOF, 'replay'),
  REPLICATION_SLOT: onKafka(...PROOF, 'replay'),
  PUBLICATION: onKafka(...PROOF),
  NOTIFICATION_TOPIC: onKafka(...TOPICS, 'replay'),
  METRICS_PROFILE: figures,
  METRICS_DEFAULT_TARGET: figures,
  METRICS_TARGET_FROM: figures,
  METRICS_USE_BAYESIAN: figures,
  R_BRMS_BASE_URL: figures,
  METRICS_USE_IRT_THETA: on(...FIGURES),
  METRICS_CHURN_HORIZON_DAYS: on(...FIGURES, 'sweep', 'churn report'),
  HTTP_PORT: http,
  HTTP_HOST: http,
  STOP_WITHIN: {},
  LOG_LEVEL: {},
};
