-- Debezium's role and publication. An administrator runs this once in the platform's database, before the connector is
-- created; it can be repeated. Then run `ALTER ROLE lastseen_replication PASSWORD '…'`, and set in the connector's settings
--
--   "database.user": "lastseen_replication", "publication.name": "seedtest", "publication.autocreate.mode": "disabled"
--
-- If the connector created the publication, its role would have to own the tables. The tables debezium_heartbeat and
-- debezium_signal must exist (stack/platform/schema.sql has them).

DO $role$
BEGIN
  IF to_regrole('lastseen_replication') IS NULL THEN
    CREATE ROLE lastseen_replication LOGIN REPLICATION NOSUPERUSER NOCREATEDB NOCREATEROLE;
  END IF;
END
$role$;

DO $publication$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_publication WHERE pubname = 'seedtest') THEN
    CREATE PUBLICATION seedtest FOR TABLE
      public.exam_results, public.features_topic_daily, public.attempt, public.session,
      public.debezium_heartbeat, public.debezium_signal;
  END IF;
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO lastseen_replication', current_database());
END
$publication$;

-- The snapshot reads the tables, the heartbeat updates one row, and others write to the table of signals.
GRANT USAGE ON SCHEMA public TO lastseen_replication;
GRANT SELECT ON
  public.exam_results, public.features_topic_daily, public.attempt, public.session,
  public.debezium_heartbeat, public.debezium_signal
  TO lastseen_replication;
GRANT INSERT, UPDATE ON public.debezium_heartbeat TO lastseen_replication;
-- An incremental snapshot writes its windows there.
GRANT INSERT, DELETE ON public.debezium_signal TO lastseen_replication;
