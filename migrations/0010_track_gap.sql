-- Up Migration

-- All records below next_offset are applied. If a partition is read again from a lower offset, next_offset goes back to
-- that offset, and known_offset keeps the earlier position until the reading has passed it. last_record_at is the Kafka
-- timestamp of the last record below the higher of the two. By it a re-created topic is recognized.
ALTER TABLE lastseen.track_progress
  ADD COLUMN known_offset bigint,
  ADD COLUMN last_record_at timestamptz;

-- Ranges of records that were never read. While a row is open, last seen is not known to be complete.
CREATE TABLE lastseen.track_gap (
  gap_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic text NOT NULL,
  partition int NOT NULL,
  kind text NOT NULL CHECK (kind IN ('beginning_missing', 'lost', 'skipped', 'another_topic')),
  from_offset bigint NOT NULL,
  to_offset bigint,
  found_at timestamptz NOT NULL DEFAULT now(),
  closed_at timestamptz,
  closed_by text,
  CHECK ((to_offset IS NULL) = (kind = 'another_topic')),
  CHECK ((closed_at IS NULL) = (closed_by IS NULL))
);

CREATE UNIQUE INDEX track_gap_open ON lastseen.track_gap (topic, partition, kind, from_offset) WHERE closed_at IS NULL;

-- Down Migration
DROP TABLE lastseen.track_gap;
ALTER TABLE lastseen.track_progress DROP COLUMN known_offset, DROP COLUMN last_record_at;
