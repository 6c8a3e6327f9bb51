-- Up Migration

-- A held run keeps its figures and its whole plan, so that approving it decides for the same instant.
-- source_ends is the number of records that each source's topic had ever received when the run was found fresh. Later
-- runs compare these numbers to see whether a source has fallen silent.
-- Contraction: add constraint sweep_run.sweep_run_status_check; wider than what it replaces
ALTER TABLE lastseen.sweep_run
  DROP CONSTRAINT sweep_run_status_check,
  ADD CONSTRAINT sweep_run_status_check
    CHECK (status IN ('running', 'completed', 'failed', 'held', 'superseded', 'discarded')),
  ADD COLUMN refresh text NOT NULL DEFAULT 'daily' CHECK (refresh IN ('daily', 'off')),
  ADD COLUMN forced boolean NOT NULL DEFAULT false,
  ADD COLUMN source_ends jsonb,
  ADD COLUMN crossing bigint,
  ADD COLUMN crossing_limit bigint,
  ADD COLUMN held_because text;

CREATE INDEX sweep_run_completed ON lastseen.sweep_run (started_at DESC) WHERE status = 'completed';

-- Down Migration
DROP INDEX lastseen.sweep_run_completed;
UPDATE lastseen.sweep_run SET status = 'failed', failure = status WHERE status IN ('held', 'superseded', 'discarded');
ALTER TABLE lastseen.sweep_run
  DROP CONSTRAINT sweep_run_status_check,
  ADD CONSTRAINT sweep_run_status_check CHECK (status IN ('running', 'completed', 'failed')),
  DROP COLUMN refresh, DROP COLUMN forced, DROP COLUMN source_ends,
  DROP COLUMN crossing, DROP COLUMN crossing_limit, DROP COLUMN held_because;
