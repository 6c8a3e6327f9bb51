import { getHeapStatistics } from 'node:v8';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type Metrics = ReturnType<typeof createMetrics>;

/**
 * Every metric that lastseen shows: docs/metrics.md says what they mean. Labels have few values: sources, partitions,
 * reasons; never a learner.
 */
export function createMetrics() {
  const registers = [new Registry()];
  const [registry] = registers as [Registry];
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter({ name: `lastseen_${name}`, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]) => {
    const made = new Gauge({ name: `lastseen_${name}`, help, labelNames, registers });
    // Absent until it is known, not 0.
    made.remove({} as Record<L, string>);
    return made;
  };
  const histogram = <L extends string>(name: string, help: string, buckets: number[], ...labelNames: L[]) =>
    new Histogram({ name: `lastseen_${name}`, help, buckets, labelNames, registers });

  return {
    registry,

    buildInfo: gauge('build_info', '1, for its labels: which release runs, as which command', 'version', 'command'),

    records: counter('records_total', 'Change records by what became of them', 'source', 'outcome', 'reason'),
    rowsChanged: counter('rows_changed_total', 'Rows of last seen inserted or raised'),
    returned: counter('returned_total', 'Learners found returned'),
    recompute: counter('recompute_total', 'What recompute did, by the names of its summary', 'what'),
    goalProbability: histogram('goal_probability', 'P of learners that were refreshed', SHARES),
    churnRisk: histogram('churn_risk', 'S of learners that were refreshed', SHARES),
    deadLetters: counter('dead_letters_total', 'Dead letters acknowledged by the broker', 'reason'),

    gapsOpen: gauge('gaps_open', 'Gaps in the table that nobody has closed', 'topic'),
    gaps: counter('gaps_total', 'Gaps found: records that were gone before they were read', 'topic'),

    flushSeconds: histogram('flush_seconds', 'Time to apply one flush', SECONDS),
    flushRows: histogram('flush_rows', 'Rows that one flush writes', ROWS),
    commitToApplied: histogram(
      'commit_to_applied_seconds',
      'From the commit at the source to the commit of last seen, of the newest change of each flush',
      SECONDS,
      'source',
    ),

    lagRecords: gauge('partition_lag_records', 'Records not yet committed, own partitions', 'topic', 'partition'),
    lagSeconds: gauge('partition_lag_seconds', 'Age of the oldest record not yet applied', 'topic', 'partition'),
    groupMember: gauge('group_member', '1 while a member of the consumer group'),
    groupJoins: counter('group_joins_total', 'Joins of the consumer group: first ones and after each rebalance'),
    consumerRestarts: counter('consumer_restarts_total', 'Times the Kafka driver gave up and started again'),
    offsetCommitFailures: counter('offset_commit_failures_total', 'Offset commits that failed; records are read again'),
    outageWaits: counter('outage_waits_total', 'Waits for an outage to end', 'code'),
    kafkaConnections: counter('kafka_connections_total', 'Connections begun to brokers, new ones after each loss too'),
    postgresConnections: counter('postgres_connections_total', 'Connections made to Postgres'),
    connectionsLost: counter('postgres_connections_lost_total', 'Idle connections to Postgres that broke'),

    relayed: counter('relayed_total', 'Events published from an outbox', 'outbox'),
    relayFailures: counter('relay_failures_total', 'Rounds of a relay that failed; it is tried again'),
    outboxWaiting: gauge('outbox_waiting', 'Events that wait to be published', 'outbox'),
    outboxOldestSeconds: gauge('outbox_oldest_seconds', 'Age of the oldest of them', 'outbox'),

    sourceFresh: gauge(
      'source_fresh',
      '1: what was committed at the source three minutes ago is known applied',
      'source',
    ),
    sourceProvenAt: gauge('source_proven_timestamp_seconds', 'Up to when it is known applied', 'source'),
    sourceBehindRecords: gauge('source_behind_records', 'Records in the topic that are not applied', 'source'),
    slotBehindBytes: gauge('slot_behind_bytes', 'Log between the connector’s slot and where the source is now'),
    sweepCompletedAt: gauge('sweep_completed_timestamp_seconds', 'When the newest completed sweep ended'),
    sweepLearners: gauge('sweep_learners', 'Learners that it found', 'what'),
    sweepRuns: gauge('sweep_runs', 'Sweeps in the history by how they ended', 'status'),
    sweepsHeld: gauge('sweeps_held', 'Sweeps that wait for a person'),
    auditFinishedAt: gauge('audit_finished_timestamp_seconds', 'When the newest audit that came to an end did so'),
    auditDriftingLearners: gauge('audit_drifting_learners', 'Learners that it left missing or behind'),

    heapLimitBytes: gauge('heap_limit_bytes', 'Where the heap of this process ends'),
    memoryLimitBytes: gauge('memory_limit_bytes', 'What its container, or else the machine, has for it'),
  };
}

/** Node's own figures, for processes that are asked for metrics. */
export function addProcessMetrics({ registry, heapLimitBytes }: Metrics): void {
  heapLimitBytes.set({}, getHeapStatistics().heap_size_limit);
  collectDefaultMetrics({ register: registry });
}

const SECONDS = [0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600];
const SHARES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];
const ROWS = [1, 10, 100, 1_000, 5_000, 20_000, 50_000];
