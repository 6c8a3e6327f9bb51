-- Up Migration

-- A sweep reads only the episodes of the lookback. Episodes are written in about the order of their last seen, so a BRIN
-- index of a few bytes per megabyte finds that part of the table, however many episodes it holds.
CREATE INDEX episode_last_seen_at ON lastseen.episode USING brin (last_seen_at) WITH (autosummarize = on);

-- Down Migration
DROP INDEX lastseen.episode_last_seen_at;
