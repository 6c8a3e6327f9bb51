-- Up Migration

-- A sweep looks for episodes of the lookback alone. They were written in about the order of their last seen, so that a
-- few bytes for each megabyte tell it which part of the table that is, however many silences there ever were.
CREATE INDEX episode_last_seen_at ON lastseen.episode USING brin (last_seen_at) WITH (autosummarize = on);

-- Down Migration
DROP INDEX lastseen.episode_last_seen_at;
