-- Up Migration

-- How far P may be off: told beside the figure, never in weekly_kpi. Null in rows from before it was computed.
ALTER TABLE lastseen.kpi_ledger
  ADD COLUMN p_low double precision,
  ADD COLUMN p_high double precision,
  ADD COLUMN p_insufficient_data boolean;

-- Down Migration
ALTER TABLE lastseen.kpi_ledger DROP COLUMN p_low, DROP COLUMN p_high, DROP COLUMN p_insufficient_data;
