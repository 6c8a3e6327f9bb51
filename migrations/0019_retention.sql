-- Up Migration

-- One row: what `lastseen prune` has removed. Weeks before week_floor may lack watermarks and answers, and silences that ended
-- before it may lack episodes, so no event of such a week may be answered. It is raised before the rows go, and never lowered.
CREATE TABLE lastseen.retention (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  -- A Monday; NULL: nothing is removed yet.
  week_floor date CHECK (extract(isodow FROM week_floor) = 1),
  -- End of the newest complete prune.
  pruned_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO lastseen.retention DEFAULT VALUES;

-- By default a fifth of a table must be dead before autovacuum lets new rows reuse its space: many weeks of removed rows.
ALTER TABLE lastseen.inactivity_outbox SET (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE lastseen.kpi_ledger SET (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE lastseen.kpi_watermark SET (autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE lastseen.episode SET (autovacuum_vacuum_scale_factor = 0.02);

-- Down Migration
ALTER TABLE lastseen.episode RESET (autovacuum_vacuum_scale_factor);
ALTER TABLE lastseen.kpi_watermark RESET (autovacuum_vacuum_scale_factor);
ALTER TABLE lastseen.kpi_ledger RESET (autovacuum_vacuum_scale_factor);
ALTER TABLE lastseen.inactivity_outbox RESET (autovacuum_vacuum_scale_factor);
DROP TABLE lastseen.retention;
