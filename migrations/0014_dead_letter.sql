-- Up Migration

-- Records that `track` could not apply, written in the transaction that records the progress past them: progress says what
-- was read, and these rows say what is missing all the same. A letter is keyed by where its record was read first.
--
-- `postgres_refused` is the folded row of a learner that Postgres refused, with the offsets of its flush. `json` keeps its
-- text as it is, so that any encoding of the database can store it.
CREATE TABLE lastseen.dead_letter (
  letter_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic text NOT NULL,
  partition integer NOT NULL,
  record_offset bigint NOT NULL,
  -- The record's Kafka timestamp as it is, in the unit of its producer.
  record_timestamp bigint NOT NULL,
  reason text NOT NULL,
  step text NOT NULL,
  detail text NOT NULL,
  -- NULL: not readable.
  student_id uuid,
  -- NULL: unknown.
  committed_at timestamptz,
  -- The latest instant that the record can contain: its commit and MAX_CLOCK_SKEW. NULL: unknown.
  latest_activity_at timestamptz,
  refused_row json,
  offset_ranges json,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  closed_at timestamptz,
  closed_by text,
  -- The audit that found the learner missing or behind.
  drift_run_id uuid,
  CHECK ((closed_at IS NULL) = (closed_by IS NULL))
);
CREATE UNIQUE INDEX dead_letter_origin
  ON lastseen.dead_letter (topic, partition, record_offset, record_timestamp) WHERE refused_row IS NULL;
CREATE INDEX dead_letter_open ON lastseen.dead_letter (student_id) WHERE closed_at IS NULL;

-- Which of the last 1,000 records of `track` became dead letters, one byte each, so that a restart does not begin a new count.
CREATE TABLE lastseen.dead_letter_window (
  reader text PRIMARY KEY,
  outcomes bytea NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE lastseen.sweep_run ADD COLUMN doubtful bigint;

-- Down Migration
ALTER TABLE lastseen.sweep_run DROP COLUMN doubtful;
DROP TABLE lastseen.dead_letter_window;
DROP TABLE lastseen.dead_letter;
