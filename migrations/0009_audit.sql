-- Up Migration

-- One row per audit: a comparison of last seen with a snapshot of the source tables. snapshot_lsn is the source's log
-- position at the snapshot; all changes up to it were applied before the comparison. counts has, per source and for
-- user_id, how many learners are missing, behind, equal and ahead.
CREATE TABLE lastseen.audit_run (
  run_id uuid PRIMARY KEY,
  status text NOT NULL CHECK (status IN ('running', 'clean', 'drift', 'repaired', 'failed')),
  sources text[] NOT NULL,
  repair text NOT NULL CHECK (repair IN ('none', 'missing', 'trust_source')),
  snapshot_at timestamptz,
  snapshot_lsn pg_lsn,
  learners bigint,
  drifting bigint,
  counts jsonb,
  raised bigint,
  set_back bigint,
  deleted bigint,
  moved bigint,
  failure text,
  started_at timestamptz NOT NULL,
  finished_at timestamptz
);

CREATE INDEX audit_run_compared ON lastseen.audit_run (started_at DESC) WHERE status IN ('clean', 'drift', 'repaired');

-- Down Migration
DROP TABLE lastseen.audit_run;
