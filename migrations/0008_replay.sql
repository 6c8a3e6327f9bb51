-- Up Migration

-- Replays that have not ended: their counts so far, and the snapshot they wait for. Written in the transaction that
-- applies the records, so that a resumed replay reads each record once. Unlogged like the shadow table they describe: a
-- crash of the server empties all of them together, and the replay starts from its beginning.
CREATE UNLOGGED TABLE lastseen.replay (
  replay_id text PRIMARY KEY,
  group_ids text[] NOT NULL,
  snapshot_id text,
  into_shadow boolean NOT NULL,
  done jsonb NOT NULL
);

-- end_offset is null if the reading ends once it has caught up with `track`.
CREATE UNLOGGED TABLE lastseen.replay_partition (
  replay_id text NOT NULL,
  topic text NOT NULL,
  partition int NOT NULL,
  first_offset bigint NOT NULL,
  next_offset bigint NOT NULL,
  end_offset bigint,
  PRIMARY KEY (replay_id, topic, partition)
) WITH (fillfactor = 50);

-- The last-seen table as it is rebuilt from the topics only.
CREATE UNLOGGED TABLE lastseen.replay_shadow (
  student_id uuid PRIMARY KEY,
  user_id text COLLATE "C",
  exam_results_at timestamptz,
  features_topic_daily_at timestamptz,
  attempt_at timestamptz,
  session_at timestamptz
) WITH (fillfactor = 70);

-- Tables of a backtest: activities by the day of the sweep that would have seen them first, and copies of the tables of
-- detection. They are empty unless a backtest runs.
CREATE UNLOGGED TABLE lastseen.as_if_activity (
  sweep_on date NOT NULL,
  student_id uuid NOT NULL,
  user_id text COLLATE "C",
  exam_results_at timestamptz,
  features_topic_daily_at timestamptz,
  attempt_at timestamptz,
  session_at timestamptz,
  PRIMARY KEY (sweep_on, student_id)
);
CREATE UNLOGGED TABLE lastseen.as_if_last_seen (LIKE lastseen.user_last_seen INCLUDING ALL);
CREATE UNLOGGED TABLE lastseen.as_if_episode (LIKE lastseen.episode INCLUDING ALL);
CREATE UNLOGGED TABLE lastseen.as_if_outbox (LIKE lastseen.inactivity_outbox INCLUDING ALL);

-- Down Migration
DROP TABLE lastseen.as_if_outbox;
DROP TABLE lastseen.as_if_episode;
DROP TABLE lastseen.as_if_last_seen;
DROP TABLE lastseen.as_if_activity;
DROP TABLE lastseen.replay_shadow;
DROP TABLE lastseen.replay_partition;
DROP TABLE lastseen.replay;
