-- Up Migration

-- An episode is open until its learner is seen again. A learner who passes several thresholds at once gets an event for
-- the highest; the lower ones are recorded as passed, without an event.
ALTER TABLE lastseen.episode
  ADD COLUMN passed boolean NOT NULL DEFAULT false,
  ADD COLUMN returned_as_of timestamptz;

CREATE INDEX episode_open ON lastseen.episode (student_id) WHERE returned_as_of IS NULL;

ALTER TABLE lastseen.sweep_run ADD COLUMN thresholds int[], ADD COLUMN returned bigint;
UPDATE lastseen.sweep_run SET thresholds = ARRAY[threshold_days];
-- Contraction: set not null sweep_run.thresholds; before the first release
-- Contraction: drop column sweep_run.threshold_days; before the first release
ALTER TABLE lastseen.sweep_run ALTER COLUMN thresholds SET NOT NULL, DROP COLUMN threshold_days;

-- Down Migration
ALTER TABLE lastseen.sweep_run ADD COLUMN threshold_days int;
UPDATE lastseen.sweep_run SET threshold_days = thresholds[1];
ALTER TABLE lastseen.sweep_run ALTER COLUMN threshold_days SET NOT NULL, DROP COLUMN thresholds, DROP COLUMN returned;
DROP INDEX lastseen.episode_open;
ALTER TABLE lastseen.episode DROP COLUMN passed, DROP COLUMN returned_as_of;
