import { getHeapStatistics } from 'node:v8';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type Metrics = ReturnType<typeof createMetrics>;

/**
 * Every metric of lastseen. `npm run docs` writes the table of docs/metrics.md. Labels have few values, such as sources,
 * partitions and reasons; never a learner.
 */
export function createMetrics() {
  const registers = [new Registry()];
  const [registry] = registers as [Registry];
  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter({ name: `lastseen_${name}`, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, ...labelNames: L[]) => {
    const made = new Gauge({ name: `lastseen_${name}`, help, labelNames, registers });
    // Absent until a value is known; prom-client would start it at 0.
    made.remove({} as Record<L, string>);
    return made;
  };
  const histogram = <L extends string>(name: string, help: string, buckets: number[], ...labelNames: L[]) =>
    new Histogram({ name: `lastseen_${name}`, help, buckets, labelNames, registers });

  return {
    registry,

    buildInfo: gauge(
      'build_info',
      'Always 1; the labels name the running release and command. Absent if the process is not scraped',
      'version',
      'command',
    ),

    records: counter(
      'records_total',
      'Change records applied, by outcome: `applied`, `skipped` or `dead_letter`',
      'source',
      'outcome',
      'reason',
    ),
    rowsChanged: counter('rows_changed_total', 'Rows of last seen inserted or raised'),
    returned: counter('returned_total', 'Learners found returned'),
    recompute: counter(
      'recompute_total',
      'Counts of `recompute`, such as `events`, `updated`, `failed` and `p_null`',
      'what',
    ),
    goalProbability: histogram('goal_probability', 'P of the learners that `recompute` refreshed', SHARES),
    churnRisk: histogram('churn_risk', 'S of the learners that `recompute` refreshed', SHARES),
    deadLetters: counter('dead_letters_total', 'Dead letters acknowledged by the broker', 'reason'),

    gapsOpen: gauge('gaps_open', 'Open gaps in `track`; while one is open, no sweep is fresh', 'topic'),
    captureBreaksOpen: gauge(
      'capture_breaks_open',
      'Times at which changes may not have been captured; while one is open, no sweep is fresh',
    ),
    lettersOpen: gauge(
      'letters_open',
      'Open dead letters of `track`: `readable`, whose learners are left out of sweeps, and `unreadable`, which name no learner',
      'topic',
      'learner',
    ),
    gaps: counter('gaps_total', 'Gaps found by `track`: records removed before they were read', 'topic'),

    flushSeconds: histogram(
      'flush_seconds',
      'Time to apply one flush: dead letters and transaction; in `recompute` also inputs and figures',
      SECONDS,
    ),
    flushRows: histogram(
      'flush_rows',
      'Rows written by one flush; in `recompute` learners, and records that are not events',
      ROWS,
    ),
    commitToApplied: histogram(
      'commit_to_applied_seconds',
      'From the commit at the source to the commit of last seen, of the newest change of each flush',
      SECONDS,
      'source',
    ),

    lagRecords: gauge(
      'partition_lag_records',
      'Records of assigned partitions that are not committed; the sum over replicas is the lag of the group',
      'topic',
      'partition',
    ),
    lagSeconds: gauge(
      'partition_lag_seconds',
      'Age of the oldest fetched record that is not applied',
      'topic',
      'partition',
    ),
    groupMember: gauge('group_member', '1 while the process is a member of the consumer group'),
    groupJoins: counter('group_joins_total', 'Joins of the consumer group: the first, and one per rebalance'),
    consumerRestarts: counter(
      'consumer_restarts_total',
      'Restarts of the Kafka consumer after its retries; in an outage about one per 30 s',
    ),
    offsetCommitFailures: counter(
      'offset_commit_failures_total',
      'Offset commits that failed; the records are read again',
    ),
    outageWaits: counter('outage_waits_total', 'Waits for another service; `code` is that of the log line', 'code'),
    kafkaConnections: counter(
      'kafka_connections_total',
      'Connections opened to brokers: a few at the start, then one per loss and attempt',
    ),
    postgresConnections: counter(
      'postgres_connections_total',
      'Connections opened to Postgres; an idle one is closed after 10 s',
    ),
    connectionsLost: counter('postgres_connections_lost_total', 'Idle connections to Postgres that broke'),

    relayed: counter('relayed_total', 'Events published from an outbox', 'outbox'),
    relayFailures: counter(
      'relay_failures_total',
      'Failed rounds of a relay, which tries again; `code` is that of the log line `relay_failed` or `outage_waiting`',
      'code',
    ),
    outboxWaiting: gauge(
      'outbox_waiting',
      'Events in an outbox that are not published; every replica reports the same',
      'outbox',
    ),
    outboxOldestSeconds: gauge('outbox_oldest_seconds', 'Age of the oldest event that is not published', 'outbox'),

    sourceFresh: gauge(
      'source_fresh',
      '1 if all changes committed at the source three minutes ago are known to be applied (`track`)',
      'source',
    ),
    sourceProvenAt: gauge(
      'source_proven_timestamp_seconds',
      'Time up to which all changes of the source are known to be applied',
      'source',
    ),
    sourceBehindRecords: gauge(
      'source_behind_records',
      'Records in the topic of the source that are not applied',
      'source',
    ),
    sourceHiddenRecords: gauge(
      'source_hidden_records',
      'Records in the topic of the source that open transactions of other producers hide',
      'source',
    ),
    slotBehindBytes: gauge(
      'slot_behind_bytes',
      'WAL between the replication slot of the connector and the current position; absent if the slot is missing or lost',
    ),
    sweepCompletedAt: gauge('sweep_completed_timestamp_seconds', 'End of the newest completed sweep'),
    sweepLearners: gauge(
      'sweep_learners',
      'Learners in the newest completed sweep: `active`, `inactive`, `crossed`, `ongoing`, `returned`, `doubtful`, `verified`, `returned_candidates`',
      'what',
    ),
    sweepRuns: gauge(
      'sweep_runs',
      'Sweeps in the history by status: `running`, `completed`, `failed`, `held`, `discarded`, `superseded`',
      'status',
    ),
    sweepsHeld: gauge('sweeps_held', 'Sweeps that wait for approval'),
    sweepContradictedLearners: gauge(
      'sweep_contradicted_learners',
      'Learners who would have crossed, but were seen later by the source tables, in the newest sweep that has looked them up',
    ),
    auditFinishedAt: gauge('audit_finished_timestamp_seconds', 'End of the newest finished audit'),
    auditDriftingLearners: gauge(
      'audit_drifting_learners',
      'Learners that the newest finished audit left missing or behind',
    ),

    ownTableBytes: gauge(
      'own_table_bytes',
      'Size of own tables with their indexes; every replica reports the same',
      'table',
    ),
    prunedAt: gauge(
      'pruned_timestamp_seconds',
      'End of the newest complete prune; before the first one, the time of the migration that it needs',
    ),

    heapLimitBytes: gauge('heap_limit_bytes', 'Heap limit of the process, for `nodejs_heap_size_used_bytes`'),
    memoryLimitBytes: gauge(
      'memory_limit_bytes',
      'Memory limit of the container, else memory of the machine, for `process_resident_memory_bytes`',
    ),
  };
}

/** Adds Node's own metrics, for processes that serve metrics. */
export function addProcessMetrics({ registry, heapLimitBytes }: Metrics): void {
  heapLimitBytes.set({}, getHeapStatistics().heap_size_limit);
  collectDefaultMetrics({ register: registry });
}

const SECONDS = [0.005, 0.02, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600];
const SHARES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1];
const ROWS = [1, 10, 100, 1_000, 5_000, 20_000, 50_000];
