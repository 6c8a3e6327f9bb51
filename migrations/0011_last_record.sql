-- Up Migration

-- The offset below which last_record_at is the last record's. A release that knows neither raises next_offset alone:
-- what last_record_at says is then of a record further below, and the partition must not be doubted by it.
ALTER TABLE lastseen.track_progress ADD COLUMN last_record_below bigint;

-- Down Migration
ALTER TABLE lastseen.track_progress DROP COLUMN last_record_below;
