-- Up Migration

-- last_record_at belongs to the last record below this offset. A release before this column raises next_offset only;
-- last_record_at then belongs to an earlier record, and must not be used to recognize the topic.
ALTER TABLE lastseen.track_progress ADD COLUMN last_record_below bigint;

-- Down Migration
ALTER TABLE lastseen.track_progress DROP COLUMN last_record_below;
