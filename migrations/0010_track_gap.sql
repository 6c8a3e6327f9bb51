-- Up Migration

-- next_offset is what is proven applied. Where a partition is read again from below it, next_offset goes back to the
-- reading, and known_offset keeps how far it had been until the reading has passed that too. last_record_at is the
-- Kafka timestamp of the last record below the further of the two: by it the reading knows the topic again.
ALTER TABLE lastseen.track_progress
  ADD COLUMN known_offset bigint,
  ADD COLUMN last_record_at timestamptz;

-- Records that were never read. While one is open, what is proven applied is not all there was.
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
