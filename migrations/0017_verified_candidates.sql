-- Up Migration

-- Learners who would get CROSSED by the current sweep, which looks them up in the source tables. Empty unless a sweep runs
-- or has failed; the next one empties it. Unlogged: after a crash the sweep begins again.
CREATE UNLOGGED TABLE lastseen.sweep_candidate (
  student_id uuid PRIMARY KEY,
  user_id text COLLATE "C" NOT NULL,
  last_seen_at timestamptz NOT NULL,
  -- The latest activity of a source table that is later than last_seen_at, and its source; NULL: there is none.
  newer_at timestamptz,
  newer_source text
);

-- NULL: the run did not look up its candidates. returned_candidates were seen again meanwhile. contradicted have an activity
-- that user_last_seen lacks although it is proven applied: the run then emits nothing.
ALTER TABLE lastseen.sweep_run
  ADD COLUMN verified bigint,
  ADD COLUMN returned_candidates bigint,
  ADD COLUMN contradicted bigint;

-- Down Migration
ALTER TABLE lastseen.sweep_run DROP COLUMN verified, DROP COLUMN returned_candidates, DROP COLUMN contradicted;
DROP TABLE lastseen.sweep_candidate;
