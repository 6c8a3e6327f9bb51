-- The platform's own tables: a fixture for the local stack, the demo and the tests. In production these tables exist already,
-- and lastseen only reads them, except for weekly_kpi.

CREATE TABLE exam_results (
  id uuid PRIMARY KEY,
  session_id text NOT NULL UNIQUE,
  user_id text,
  exam_id int,
  status text,
  result_json jsonb,
  score_raw numeric,
  score_scaled numeric,
  standard_error numeric,
  percentile numeric,
  org_id int,
  created_at timestamptz NOT NULL,
  updated_at timestamptz
);
CREATE INDEX exam_results_user_id ON exam_results (user_id);

CREATE TABLE features_topic_daily (
  user_id text,
  topic_id text,
  date date,
  attempts int,
  correct int,
  avg_time_ms int,
  theta_estimate numeric(6, 3),
  theta_sd numeric(6, 3),
  rt_median int,
  hints int,
  improvement numeric(6, 3),
  last_seen_at timestamptz,
  computed_at timestamptz,
  PRIMARY KEY (user_id, topic_id, date)
);

CREATE TABLE attempt (
  id bigint PRIMARY KEY,
  student_id uuid,
  item_id bigint,
  topic_id text,
  correct boolean,
  response_time_ms int,
  hint_used boolean,
  session_id text,
  completed_at timestamptz
);
CREATE INDEX attempt_student_id ON attempt (student_id);

CREATE TABLE session (
  id text PRIMARY KEY,
  classroom_id text,
  exam_id text,
  started_at timestamptz,
  ended_at timestamptz,
  status text,
  created_at timestamptz,
  user_id text,
  org_id int
);
CREATE INDEX session_user_id ON session (user_id);

CREATE TABLE ability_estimates (
  user_id text,
  mean double precision,
  sd double precision,
  fitted_at timestamptz,
  updated_at timestamptz,
  created_at timestamptz
);
CREATE INDEX ability_estimates_user_id ON ability_estimates (user_id);

CREATE TABLE interest_goal (
  user_id text,
  topic_id text,
  target_level numeric(6, 3),
  priority int,
  PRIMARY KEY (user_id, topic_id)
);

CREATE TABLE student_topic_theta (
  user_id text,
  topic_id text,
  theta double precision,
  se double precision,
  model text,
  version text,
  fitted_at timestamptz,
  PRIMARY KEY (user_id, topic_id)
);

CREATE TABLE mirt_ability (
  user_id text,
  fitted_at timestamptz,
  theta double precision,
  se double precision,
  model text,
  version text,
  PRIMARY KEY (user_id, fitted_at)
);

CREATE TABLE growth_brms_meta (
  run_id text PRIMARY KEY,
  formula text,
  priors jsonb,
  posterior_summary jsonb,
  diagnostics jsonb,
  fitted_at timestamptz
);

CREATE TABLE weekly_kpi (
  user_id text,
  week_start date,
  kpis jsonb,
  created_at timestamptz DEFAULT now(),
  updated_at timestamptz DEFAULT now(),
  PRIMARY KEY (user_id, week_start)
);

-- Needed by the connector: a row that its heartbeat updates, so that the slot advances also if the database is idle, and
-- a table from which it reads signals, such as requests for incremental snapshots.
CREATE TABLE debezium_heartbeat (
  id int PRIMARY KEY,
  beat_at timestamptz NOT NULL
);

CREATE TABLE debezium_signal (
  id varchar(42) PRIMARY KEY,
  type varchar(32) NOT NULL,
  data varchar(2048)
);
