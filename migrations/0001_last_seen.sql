-- Up Migration

-- One row per learner. Every upsert is monotonic per source, so records may be repeated, reordered or applied by two
-- processes at once. Both derived columns are STORED and spell out the GREATEST: a virtual column cannot be indexed, and
-- a generated column cannot name another. The date is indexed and not the instant, so that updates within a day stay in
-- their page (HOT); the fill factor leaves room for them there.
CREATE TABLE lastseen.user_last_seen (
  student_id uuid PRIMARY KEY,
  user_id text COLLATE "C",
  exam_results_at timestamptz,
  features_topic_daily_at timestamptz,
  attempt_at timestamptz,
  session_at timestamptz,
  last_seen_at timestamptz NOT NULL GENERATED ALWAYS AS (
    GREATEST(exam_results_at, features_topic_daily_at, attempt_at, session_at)
  ) STORED,
  last_active_on date NOT NULL GENERATED ALWAYS AS (
    (GREATEST(exam_results_at, features_topic_daily_at, attempt_at, session_at) AT TIME ZONE 'UTC')::date
  ) STORED
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX user_last_seen_last_active_on ON lastseen.user_last_seen (last_active_on);

-- Every record of the partition below next_offset is applied. Written in the transaction that applies the records.
CREATE TABLE lastseen.track_progress (
  topic text NOT NULL,
  partition int NOT NULL,
  next_offset bigint NOT NULL,
  newest_commit_at timestamptz,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (topic, partition)
);

-- Down Migration
DROP TABLE lastseen.track_progress;
DROP TABLE lastseen.user_last_seen;
