import type { StackAddresses } from './stack.ts';

/** The environment of commands on the stack. Each prefix has its own topics. */
export function environmentOf(
  { databaseUrl, brokers, registryUrl }: StackAddresses,
  prefix: string,
): Readonly<Record<string, string>> {
  return {
    DATABASE_URL: databaseUrl,
    KAFKA_BROKERS: brokers,
    SCHEMA_REGISTRY_URL: registryUrl,
    TOPIC_PREFIX: prefix,
    INACTIVITY_TOPIC: `${prefix}.inactivity`,
    KPI_UPDATED_TOPIC: `${prefix}.kpi-updated`,
    TRACK_DLQ_TOPIC: `${prefix}.track.dlq`,
    RECOMPUTE_RETRY_TOPIC: `${prefix}.recompute.retry`,
    RECOMPUTE_DLQ_TOPIC: `${prefix}.recompute.dlq`,
  };
}
