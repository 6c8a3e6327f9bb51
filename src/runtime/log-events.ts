/** Every `event` of a log line, as noun and verb, with its meaning. `npm run docs` writes the table of operations.md. */
export const LOG_EVENTS = {
  audit_completed: 'An audit is done.',
  batch_applied: '`track` applied a batch of records. Only at `LOG_LEVEL=debug`.',
  batch_recomputed: '`recompute` applied a batch of events. Only at `LOG_LEVEL=debug`.',
  capture_broken:
    'Changes may not have been captured; `changes` says why. No sweep decides until an audit has compared the sources.',
  capture_look_failed: 'What is captured could not be compared with the look before. It is tried again.',
  churn_trained: '`churn train` is done; it logs the hash of the model.',
  consumer_caught_up:
    'The consumer has applied all that was in its partitions when it joined its group. New records follow.',
  consumer_restarting: 'The consumer lost its brokers or its group and starts again. Only at `LOG_LEVEL=debug`.',
  day_read: 'A flag that takes an instant has a day; the message has the instant.',
  freshness_waiting:
    'A sweep, an audit or `fresh` waits until all changes at the source are applied. Logged every 5 s.',
  group_deletion_failed: 'A temporary consumer group could not be deleted.',
  group_joined:
    'The consumer joined its group; `assigned` lists its partitions by topic. Logged again after each rebalance.',
  growth_service_failed: 'The growth service did not answer. P was computed without it.',
  http_listening: 'The address of the probes and metrics.',
  kafka_client_logged: 'A message of the Kafka client. Those of an outage are only at `LOG_LEVEL=debug`.',
  kpi_completed: '`kpi` is done.',
  learner_forgotten: '`forget` erased a learner.',
  learner_failed: 'The figures of one learner could not be computed. The results say whose.',
  letter_rejected: '`dlq redrive` could not send a dead letter back.',
  letter_written:
    'A dead letter, with its reason and origin: the first of its reason and topic in this process. `work_summarized` counts all.',
  letters_redriven: '`dlq redrive` is done.',
  migration_logged: 'A message of the migrations.',
  migration_waiting: 'Own tables are older than this release: run `lastseen migrate` and `roles.sql`.',
  newer_migrations_found: 'Own tables are of a newer release. Nothing to do.',
  node_warned: 'A warning of Node.js.',
  offset_commit_failed: 'Offsets were not committed. The next commit covers them.',
  offset_fetch_failed: 'Committed offsets could not be read. The consumer reads them from the group instead.',
  outcomes_incomplete:
    '`churn train` left out the last days of its snapshots, because the days after them are not over.',
  outage_ended: 'The service that the process has waited for answers again.',
  outage_waiting:
    'The process waits for another service; `code` names it, and `error` says why. Logged at once, then once a minute.',
  postgres_connection_lost: 'A connection was lost. It is opened again. Only at `LOG_LEVEL=debug`.',
  process_crashed: 'A bug: the process exits with code 1. The line has the stack.',
  prune_completed: '`prune` is done: removed rows by table.',
  progress_made: 'The progress of a long operation. Logged every 5 s.',
  letters_discarded: '`dlq discard` has closed open dead letters.',
  learners_refused:
    'Postgres refused the rows of learners; the other learners were written, and these have open letters.',
  records_lost: 'Records were removed before `track` read them. No sweep decides while the gap is open.',
  relay_failed:
    'Events could not be published, for another reason than an outage. The relay tries again, at last once a minute.',
  replay_completed: 'A replay is done.',
  replay_resumed: 'A replay continues from its saved position.',
  replay_waiting: 'A rebuild waits until it has read as far as `track`.',
  sample_failed: 'A metric could not be sampled.',
  setting_misspelt:
    'A variable looks like a setting and is none, so it has no effect; `similar` names the setting that was meant.',
  setup_unchecked: 'A check of the set-up at the start could not be done. The command works on; `check` names it.',
  shutdown_expired: 'The process did not stop within `STOP_WITHIN` and exits with code 1.',
  shutdown_started: 'The process received SIGTERM or SIGINT and stops.',
  sweep_approved: 'A held sweep was approved.',
  sweep_completed: 'A sweep is done.',
  sweep_discarded: 'A held sweep was discarded.',
  work_summarized:
    'What `track` or `recompute` did in the last minute; not logged if it did nothing. `lag` counts the records that are not applied.',
} as const;

export type LogEvent = keyof typeof LOG_EVENTS;
