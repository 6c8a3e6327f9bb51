-- Up Migration

CREATE TABLE lastseen.sweep_run (
  run_id uuid PRIMARY KEY,
  as_of timestamptz NOT NULL,
  threshold_days int NOT NULL CHECK (threshold_days > 0),
  lookback_days int NOT NULL CHECK (lookback_days > threshold_days),
  row_limit int CHECK (row_limit > 0),
  status text NOT NULL CHECK (status IN ('running', 'completed', 'failed')),
  active bigint,
  inactive bigint,
  crossed bigint,
  ongoing bigint,
  unresolved bigint,
  undecidable bigint,
  failure text,
  started_at timestamptz NOT NULL,
  finished_at timestamptz
);

-- One silence of one learner at one threshold. noted_on is the UTC date of the newest CROSSED or ONGOING, so a second
-- sweep of the same date emits nothing.
CREATE TABLE lastseen.episode (
  student_id uuid NOT NULL,
  threshold_days int NOT NULL,
  last_seen_at timestamptz NOT NULL,
  crossed_run_id uuid NOT NULL,
  crossed_as_of timestamptz NOT NULL,
  newest_as_of timestamptz NOT NULL,
  noted_on date NOT NULL,
  PRIMARY KEY (student_id, threshold_days, last_seen_at)
) WITH (fillfactor = 80);

-- Events that are decided and must reach the topic. The row holds all that the event says: the event id is a function of
-- it, and a later change of the learner's row does not change what was decided.
CREATE TABLE lastseen.inactivity_outbox (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  phase text NOT NULL CHECK (phase IN ('CROSSED', 'ONGOING', 'RETURNED')),
  student_id uuid NOT NULL,
  user_id text NOT NULL,
  threshold_days int NOT NULL,
  last_seen_at timestamptz NOT NULL,
  exam_results_at timestamptz,
  features_topic_daily_at timestamptz,
  attempt_at timestamptz,
  session_at timestamptz,
  as_of timestamptz NOT NULL,
  sweep_run_id uuid,
  detected_at timestamptz NOT NULL,
  published_at timestamptz
) WITH (fillfactor = 80);

CREATE INDEX inactivity_outbox_unpublished ON lastseen.inactivity_outbox (seq) WHERE published_at IS NULL;

-- Down Migration
DROP TABLE lastseen.inactivity_outbox;
DROP TABLE lastseen.episode;
DROP TABLE lastseen.sweep_run;
