-- The roles of lastseen, one per process, each with only the rights that its statements need. An administrator runs this in
-- the platform's database before the first `lastseen migrate` and after each one. It can be repeated:
--
--   psql "$ADMIN_DATABASE_URL" -v ON_ERROR_STOP=1 --single-transaction -f roles.sql
--
-- Roles are created without a password: run `ALTER ROLE lastseen_track PASSWORD '…'` once per role. Rights on lastseen's and
-- the platform's tables that are not listed here are revoked from the roles.

DO $roles$
DECLARE
  role text;
BEGIN
  FOREACH role IN ARRAY ARRAY[
    'lastseen_migrate', 'lastseen_track', 'lastseen_sweep', 'lastseen_recompute', 'lastseen_audit', 'lastseen_replay',
    'lastseen_operator', 'lastseen_fresh', 'lastseen_prune'
  ] LOOP
    IF to_regrole(role) IS NULL THEN
      EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION', role);
    END IF;
  END LOOP;
EXCEPTION
  WHEN duplicate_object OR unique_violation THEN
    RAISE EXCEPTION 'another session is creating the same roles; run this again';
END
$roles$;

-- lastseen's tables and functions belong to `lastseen_migrate`, also those created before this file was first run.
DO $owner$
DECLARE
  relation record;
BEGIN
  IF to_regnamespace('lastseen') IS NULL THEN
    CREATE SCHEMA lastseen AUTHORIZATION lastseen_migrate;
  END IF;
  ALTER SCHEMA lastseen OWNER TO lastseen_migrate;
  FOR relation IN
    SELECT c.oid::regclass AS name FROM pg_class c
    WHERE relnamespace = 'lastseen'::regnamespace AND relkind IN ('r', 'p', 'v') AND relowner <> 'lastseen_migrate'::regrole
  LOOP
    EXECUTE format('ALTER TABLE %s OWNER TO lastseen_migrate', relation.name);
  END LOOP;
  FOR relation IN
    SELECT oid::regprocedure AS name FROM pg_proc
    WHERE pronamespace = 'lastseen'::regnamespace AND proowner <> 'lastseen_migrate'::regrole
  LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO lastseen_migrate', relation.name);
  END LOOP;
END
$owner$;

-- Only `lastseen_migrate` may create tables, including temporary ones. PUBLIC has that right by default, and it cannot be
-- revoked for single roles. So it is revoked from PUBLIC and granted by name to the other roles that have it. (Before
-- Postgres 15 the schema `public` has the same default, and upgraded servers may have kept it.)
DO $no_tables$
DECLARE
  other text;
BEGIN
  IF EXISTS (
    SELECT FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) AS acl
    WHERE datname = current_database() AND acl.grantee = 0 AND acl.privilege_type = 'TEMPORARY'
  ) THEN
    FOR other IN SELECT rolname FROM pg_roles WHERE rolname !~ '^(pg|lastseen)_' AND NOT rolsuper LOOP
      EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO %I', current_database(), other);
    END LOOP;
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
  END IF;
  IF EXISTS (
    SELECT FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) AS acl
    WHERE nspname = 'public' AND acl.grantee = 0 AND acl.privilege_type = 'CREATE'
  ) THEN
    FOR other IN SELECT rolname FROM pg_roles WHERE rolname !~ '^(pg|lastseen)_' AND NOT rolsuper LOOP
      EXECUTE format('GRANT CREATE ON SCHEMA public TO %I', other);
    END LOOP;
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
  END IF;
  EXECUTE format(
    'GRANT CONNECT ON DATABASE %I TO lastseen_migrate, lastseen_track, lastseen_sweep, lastseen_recompute, lastseen_audit, '
    'lastseen_replay, lastseen_operator, lastseen_fresh, lastseen_prune',
    current_database()
  );
END
$no_tables$;

GRANT USAGE ON SCHEMA public, lastseen
  TO lastseen_track, lastseen_sweep, lastseen_recompute, lastseen_audit, lastseen_replay, lastseen_operator,
    lastseen_fresh, lastseen_prune;

REVOKE ALL ON ALL TABLES IN SCHEMA lastseen
  FROM lastseen_track, lastseen_sweep, lastseen_recompute, lastseen_audit, lastseen_replay, lastseen_operator,
    lastseen_fresh, lastseen_prune;
REVOKE ALL ON ALL TABLES IN SCHEMA public
  FROM lastseen_migrate, lastseen_track, lastseen_sweep, lastseen_recompute, lastseen_audit, lastseen_replay,
    lastseen_operator, lastseen_fresh, lastseen_prune;

-- Missing tables are skipped: lastseen's before `migrate`, and tables that the platform does not have.
--
-- UPDATE of a generated column allows a role to lock rows but not to change them.
DO $grants$
DECLARE
  wanted record;
BEGIN
  FOR wanted IN
    SELECT * FROM (VALUES
      -- The migrations that were run: each process checks at its start that the tables fit its release.
      ('lastseen_track', 'lastseen.migration', 'SELECT'),
      ('lastseen_sweep', 'lastseen.migration', 'SELECT'),
      ('lastseen_recompute', 'lastseen.migration', 'SELECT'),
      ('lastseen_audit', 'lastseen.migration', 'SELECT'),
      ('lastseen_replay', 'lastseen.migration', 'SELECT'),
      ('lastseen_operator', 'lastseen.migration', 'SELECT'),
      ('lastseen_fresh', 'lastseen.migration', 'SELECT'),
      ('lastseen_prune', 'lastseen.migration', 'SELECT'),

      ('lastseen_track', 'lastseen.installation', 'SELECT'),
      ('lastseen_track', 'lastseen.retention', 'SELECT'),
      ('lastseen_track', 'lastseen.user_last_seen', 'SELECT, INSERT, UPDATE'),
      ('lastseen_track', 'lastseen.track_progress', 'SELECT, INSERT, UPDATE'),
      ('lastseen_track', 'lastseen.track_gap', 'SELECT, INSERT'),
      ('lastseen_track', 'lastseen.dead_letter', 'SELECT, INSERT, UPDATE (closed_at, closed_by)'),
      ('lastseen_track', 'lastseen.dead_letter_window', 'SELECT, INSERT, UPDATE'),
      ('lastseen_track', 'lastseen.capture_evidence', 'SELECT, INSERT, UPDATE'),
      ('lastseen_track', 'lastseen.capture_break', 'SELECT, INSERT'),
      ('lastseen_track', 'lastseen.episode', 'SELECT, UPDATE (returned_as_of)'),
      ('lastseen_track', 'lastseen.inactivity_outbox', 'SELECT, INSERT, UPDATE (published_at)'),
      ('lastseen_track', 'lastseen.unpublished', 'SELECT'),
      -- For metrics; the table has no data of learners.
      ('lastseen_track', 'lastseen.sweep_run', 'SELECT (status, finished_at, source_ends, active, inactive, crossed, ongoing, returned, doubtful, verified, returned_candidates, contradicted)'),
      ('lastseen_track', 'lastseen.audit_run',
        'SELECT (run_id, status, sources, snapshot_at, started_at, finished_at, drifting)'),

      ('lastseen_sweep', 'lastseen.installation', 'SELECT'),
      ('lastseen_sweep', 'lastseen.retention', 'SELECT'),
      ('lastseen_sweep', 'lastseen.user_last_seen', 'SELECT, UPDATE (last_seen_at)'),
      ('lastseen_sweep', 'lastseen.track_progress', 'SELECT'),
      ('lastseen_sweep', 'lastseen.track_gap', 'SELECT'),
      ('lastseen_sweep', 'lastseen.dead_letter', 'SELECT'),
      ('lastseen_sweep', 'lastseen.capture_evidence', 'SELECT, INSERT, UPDATE'),
      ('lastseen_sweep', 'lastseen.capture_break', 'SELECT, INSERT'),
      ('lastseen_sweep', 'lastseen.episode',
        'SELECT, INSERT,'
        ' UPDATE (crossed_run_id, crossed_as_of, newest_as_of, noted_on, passed, returned_as_of, reopenings)'),
      ('lastseen_sweep', 'lastseen.inactivity_outbox', 'SELECT, INSERT, UPDATE (published_at)'),
      ('lastseen_sweep', 'lastseen.unpublished', 'SELECT'),
      ('lastseen_sweep', 'lastseen.sweep_run', 'SELECT, INSERT, UPDATE'),
      ('lastseen_sweep', 'lastseen.audit_run', 'SELECT'),
      ('lastseen_sweep', 'lastseen.sweep_candidate', 'SELECT, INSERT, UPDATE, TRUNCATE'),
      -- Learner and instant, to look up who would cross.
      ('lastseen_sweep', 'public.exam_results', 'SELECT (id, user_id, created_at, updated_at)'),
      ('lastseen_sweep', 'public.features_topic_daily', 'SELECT (computed_at, user_id, last_seen_at)'),
      ('lastseen_sweep', 'public.attempt', 'SELECT (id, student_id, completed_at)'),
      ('lastseen_sweep', 'public.session', 'SELECT (id, user_id, started_at, ended_at)'),

      ('lastseen_recompute', 'lastseen.installation', 'SELECT'),
      ('lastseen_recompute', 'lastseen.retention', 'SELECT'),
      ('lastseen_recompute', 'lastseen.user_last_seen', 'SELECT'),
      ('lastseen_recompute', 'lastseen.inactivity_outbox', 'SELECT, UPDATE (published_at)'),
      ('lastseen_recompute', 'lastseen.unpublished', 'SELECT'),
      ('lastseen_recompute', 'lastseen.kpi_watermark', 'SELECT, INSERT, UPDATE (as_of)'),
      ('lastseen_recompute', 'lastseen.kpi_ledger', 'SELECT, INSERT, UPDATE (published_at)'),
      ('lastseen_recompute', 'public.weekly_kpi',
        'SELECT, INSERT (user_id, week_start, kpis, created_at, updated_at), UPDATE (kpis, updated_at)'),
      ('lastseen_recompute', 'public.exam_results', 'SELECT'),
      ('lastseen_recompute', 'public.features_topic_daily', 'SELECT'),
      ('lastseen_recompute', 'public.attempt', 'SELECT'),
      ('lastseen_recompute', 'public.session', 'SELECT'),
      ('lastseen_recompute', 'public.ability_estimates', 'SELECT'),
      ('lastseen_recompute', 'public.interest_goal', 'SELECT'),
      ('lastseen_recompute', 'public.student_topic_theta', 'SELECT'),
      ('lastseen_recompute', 'public.mirt_ability', 'SELECT'),
      ('lastseen_recompute', 'public.growth_brms_meta', 'SELECT'),

      -- Only learner and instant of the source tables; also the questions of exam results, which are attempts in some deployments.
      ('lastseen_audit', 'lastseen.user_last_seen',
        'SELECT, DELETE,'
        ' INSERT (student_id, user_id, exam_results_at, features_topic_daily_at, attempt_at, session_at),'
        ' UPDATE (user_id, exam_results_at, features_topic_daily_at, attempt_at, session_at)'),
      ('lastseen_audit', 'lastseen.track_progress', 'SELECT'),
      ('lastseen_audit', 'lastseen.audit_run', 'SELECT, INSERT, UPDATE'),
      ('lastseen_audit', 'public.exam_results', 'SELECT (user_id, created_at, updated_at, result_json)'),
      ('lastseen_audit', 'public.features_topic_daily', 'SELECT (user_id, last_seen_at)'),
      ('lastseen_audit', 'lastseen.track_gap', 'SELECT, UPDATE (closed_at, closed_by)'),
      ('lastseen_audit', 'lastseen.capture_evidence', 'SELECT, INSERT, UPDATE'),
      ('lastseen_audit', 'lastseen.capture_break', 'SELECT, INSERT, UPDATE (closed_at, closed_by)'),
      ('lastseen_audit', 'lastseen.dead_letter', 'SELECT, UPDATE (closed_at, closed_by, drift_run_id)'),
      ('lastseen_audit', 'public.attempt', 'SELECT (student_id, completed_at)'),
      ('lastseen_audit', 'public.session', 'SELECT (user_id, started_at, ended_at)'),

      -- A rebuild corrects and removes rows. It locks progress but does not change it.
      ('lastseen_replay', 'lastseen.installation', 'SELECT'),
      ('lastseen_replay', 'lastseen.user_last_seen', 'SELECT, INSERT, UPDATE, DELETE'),
      ('lastseen_replay', 'lastseen.track_progress', 'SELECT, UPDATE (updated_at)'),
      ('lastseen_replay', 'lastseen.dead_letter', 'SELECT, UPDATE (closed_at, closed_by)'),
      ('lastseen_replay', 'lastseen.episode', 'SELECT, UPDATE (returned_as_of)'),
      ('lastseen_replay', 'lastseen.inactivity_outbox', 'SELECT, INSERT, UPDATE (published_at)'),
      ('lastseen_replay', 'lastseen.unpublished', 'SELECT'),
      ('lastseen_replay', 'lastseen.replay', 'SELECT, INSERT, UPDATE, DELETE'),
      ('lastseen_replay', 'lastseen.replay_partition', 'SELECT, INSERT, UPDATE, DELETE'),
      ('lastseen_replay', 'lastseen.replay_shadow', 'SELECT, INSERT, UPDATE, TRUNCATE'),
      ('lastseen_replay', 'lastseen.as_if_activity', 'SELECT, INSERT, UPDATE, TRUNCATE'),
      ('lastseen_replay', 'lastseen.as_if_last_seen', 'SELECT, INSERT, UPDATE, TRUNCATE'),
      ('lastseen_replay', 'lastseen.as_if_episode', 'SELECT, INSERT, UPDATE, TRUNCATE'),
      ('lastseen_replay', 'lastseen.as_if_outbox', 'SELECT, INSERT, TRUNCATE'),
      ('lastseen_replay', 'public.debezium_signal', 'INSERT'),

      -- For `fresh` in other programs: what the proof reads. Of learners it shows only the student ids of dead letters.
      ('lastseen_fresh', 'lastseen.track_progress', 'SELECT (topic, partition, next_offset)'),
      ('lastseen_fresh', 'lastseen.track_gap', 'SELECT'),
      ('lastseen_fresh', 'lastseen.dead_letter', 'SELECT (topic, student_id, closed_at, closed_by, drift_run_id)'),
      ('lastseen_fresh', 'lastseen.capture_evidence', 'SELECT'),
      ('lastseen_fresh', 'lastseen.capture_break', 'SELECT'),
      ('lastseen_fresh', 'lastseen.sweep_run', 'SELECT (status, finished_at, source_ends)'),
      ('lastseen_fresh', 'lastseen.audit_run', 'SELECT (run_id, status, sources, snapshot_at, started_at, drifting)'),
      ('lastseen_fresh', 'public.exam_results', 'SELECT (id)'),
      ('lastseen_fresh', 'public.features_topic_daily', 'SELECT (computed_at)'),
      ('lastseen_fresh', 'public.attempt', 'SELECT (id)'),
      ('lastseen_fresh', 'public.session', 'SELECT (id)'),

      -- Removes old rows by their ages only: it cannot read who they are about. The history of runs has no data of learners.
      ('lastseen_prune', 'lastseen.retention', 'SELECT, UPDATE (week_floor, pruned_at)'),
      ('lastseen_prune', 'lastseen.inactivity_outbox', 'SELECT (ctid, published_at), DELETE'),
      ('lastseen_prune', 'lastseen.kpi_ledger', 'SELECT (ctid, week_start, published_at), DELETE'),
      ('lastseen_prune', 'lastseen.kpi_watermark', 'SELECT (ctid, week_start), DELETE'),
      ('lastseen_prune', 'lastseen.episode', 'SELECT (ctid, returned_as_of), DELETE'),
      ('lastseen_prune', 'lastseen.sweep_run', 'SELECT, DELETE'),
      ('lastseen_prune', 'lastseen.audit_run', 'SELECT, DELETE'),

      -- For kpi, explain, dlq, forget and doctor.
      ('lastseen_operator', 'lastseen.user_last_seen', 'SELECT, DELETE'),
      ('lastseen_operator', 'lastseen.track_progress', 'SELECT'),
      ('lastseen_operator', 'lastseen.track_gap', 'SELECT'),
      ('lastseen_operator', 'lastseen.dead_letter', 'SELECT, UPDATE (closed_at, closed_by), DELETE'),
      ('lastseen_operator', 'lastseen.dead_letter_window', 'SELECT'),
      ('lastseen_operator', 'lastseen.capture_evidence', 'SELECT'),
      ('lastseen_operator', 'lastseen.capture_break', 'SELECT'),
      ('lastseen_operator', 'lastseen.installation', 'SELECT'),
      ('lastseen_operator', 'lastseen.retention', 'SELECT'),
      ('lastseen_operator', 'lastseen.episode', 'SELECT, DELETE'),
      ('lastseen_operator', 'lastseen.inactivity_outbox', 'SELECT, DELETE'),
      ('lastseen_operator', 'lastseen.unpublished', 'SELECT'),
      ('lastseen_operator', 'lastseen.sweep_candidate', 'SELECT, DELETE'),
      ('lastseen_operator', 'lastseen.replay', 'SELECT'),
      ('lastseen_operator', 'lastseen.replay_partition', 'SELECT'),
      ('lastseen_operator', 'lastseen.replay_shadow', 'SELECT, DELETE'),
      ('lastseen_operator', 'lastseen.as_if_activity', 'SELECT, DELETE'),
      ('lastseen_operator', 'lastseen.as_if_last_seen', 'SELECT, DELETE'),
      ('lastseen_operator', 'lastseen.as_if_episode', 'SELECT, DELETE'),
      ('lastseen_operator', 'lastseen.as_if_outbox', 'SELECT, DELETE'),
      ('lastseen_operator', 'lastseen.sweep_run', 'SELECT'),
      ('lastseen_operator', 'lastseen.audit_run', 'SELECT'),
      ('lastseen_operator', 'lastseen.kpi_watermark', 'SELECT, INSERT, UPDATE (as_of), DELETE'),
      ('lastseen_operator', 'lastseen.kpi_ledger', 'SELECT, DELETE'),
      ('lastseen_operator', 'lastseen.redriven_letter', 'SELECT, INSERT'),
      ('lastseen_operator', 'public.weekly_kpi',
        'SELECT, INSERT (user_id, week_start, kpis, created_at, updated_at), UPDATE (kpis, updated_at)'),
      ('lastseen_operator', 'public.exam_results', 'SELECT'),
      ('lastseen_operator', 'public.features_topic_daily', 'SELECT'),
      ('lastseen_operator', 'public.attempt', 'SELECT'),
      ('lastseen_operator', 'public.session', 'SELECT'),
      ('lastseen_operator', 'public.ability_estimates', 'SELECT'),
      ('lastseen_operator', 'public.interest_goal', 'SELECT'),
      ('lastseen_operator', 'public.student_topic_theta', 'SELECT'),
      ('lastseen_operator', 'public.mirt_ability', 'SELECT'),
      ('lastseen_operator', 'public.growth_brms_meta', 'SELECT')
    ) AS matrix (role, relation, rights)
  LOOP
    IF to_regclass(wanted.relation) IS NOT NULL THEN
      EXECUTE format('GRANT %s ON %s TO %I', wanted.rights, wanted.relation, wanted.role);
    END IF;
  END LOOP;
END
$grants$;
