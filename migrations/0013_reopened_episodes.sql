-- Up Migration

-- How often an episode was reopened: its silence had ended with a return, and a repair set the learner back to it. The
-- count is part of the id of its events, so that they differ from those before. In the outbox, it is the count at the event.
ALTER TABLE lastseen.episode ADD COLUMN reopenings int NOT NULL DEFAULT 0;
ALTER TABLE lastseen.inactivity_outbox ADD COLUMN reopenings int NOT NULL DEFAULT 0;
ALTER TABLE lastseen.as_if_episode ADD COLUMN reopenings int NOT NULL DEFAULT 0;
ALTER TABLE lastseen.as_if_outbox ADD COLUMN reopenings int NOT NULL DEFAULT 0;

-- Down Migration
ALTER TABLE lastseen.as_if_outbox DROP COLUMN reopenings;
ALTER TABLE lastseen.as_if_episode DROP COLUMN reopenings;
ALTER TABLE lastseen.inactivity_outbox DROP COLUMN reopenings;
ALTER TABLE lastseen.episode DROP COLUMN reopenings;
