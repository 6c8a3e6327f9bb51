-- Up Migration

-- The 90 % interval of P. It is part of the event and of the ledger, never of weekly_kpi. Null in older rows.
ALTER TABLE lastseen.kpi_ledger
  ADD COLUMN p_low double precision,
  ADD COLUMN p_high double precision,
  ADD COLUMN p_insufficient_data boolean;

-- Down Migration
ALTER TABLE lastseen.kpi_ledger DROP COLUMN p_low, DROP COLUMN p_high, DROP COLUMN p_insufficient_data;
