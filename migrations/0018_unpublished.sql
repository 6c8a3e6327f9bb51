-- Up Migration

-- The rows of the outboxes that are not published yet. It replaces the partial indexes WHERE published_at IS NULL: because of
-- them, marking a row as published wrote a new entry into each index of its table. Without an index on published_at, the
-- update stays in its page (HOT). A trigger keeps the list, because the release before writes the outboxes too.
CREATE TABLE lastseen.unpublished (
  outbox regclass NOT NULL,
  seq bigint NOT NULL,
  PRIMARY KEY (outbox, seq)
);

-- It runs with the rights of its owner, so that no role needs any on the list. Plans use the index also if the statistics say
-- that the list is empty.
CREATE FUNCTION lastseen.list_unpublished() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $list$
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    DELETE FROM lastseen.unpublished WHERE outbox = TG_RELID;
    RETURN NULL;
  END IF;
  IF TG_OP = 'UPDATE' THEN
    DELETE FROM lastseen.unpublished
    WHERE outbox = TG_RELID AND seq = ANY (ARRAY(SELECT seq FROM changed WHERE published_at IS NOT NULL));
  END IF;
  IF TG_OP = 'DELETE' THEN
    DELETE FROM lastseen.unpublished
    WHERE outbox = TG_RELID AND seq = ANY (ARRAY(SELECT seq FROM changed WHERE published_at IS NULL));
  ELSE
    -- Also after an update: an operator may have events published again.
    INSERT INTO lastseen.unpublished (outbox, seq)
    SELECT TG_RELID, seq FROM changed WHERE published_at IS NULL
    ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END
$list$;

-- Contraction: add trigger inactivity_outbox.list_inserted; writes only new tables
-- Contraction: add trigger inactivity_outbox.list_updated; writes only new tables
-- Contraction: add trigger inactivity_outbox.list_deleted; writes only new tables
-- Contraction: add trigger inactivity_outbox.list_truncated; writes only new tables
CREATE TRIGGER list_inserted AFTER INSERT ON lastseen.inactivity_outbox
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION lastseen.list_unpublished();
CREATE TRIGGER list_updated AFTER UPDATE ON lastseen.inactivity_outbox
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION lastseen.list_unpublished();
CREATE TRIGGER list_deleted AFTER DELETE ON lastseen.inactivity_outbox
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION lastseen.list_unpublished();
CREATE TRIGGER list_truncated AFTER TRUNCATE ON lastseen.inactivity_outbox
  FOR EACH STATEMENT EXECUTE FUNCTION lastseen.list_unpublished();

-- Contraction: add trigger kpi_ledger.list_inserted; writes only new tables
-- Contraction: add trigger kpi_ledger.list_updated; writes only new tables
-- Contraction: add trigger kpi_ledger.list_deleted; writes only new tables
-- Contraction: add trigger kpi_ledger.list_truncated; writes only new tables
CREATE TRIGGER list_inserted AFTER INSERT ON lastseen.kpi_ledger
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION lastseen.list_unpublished();
CREATE TRIGGER list_updated AFTER UPDATE ON lastseen.kpi_ledger
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION lastseen.list_unpublished();
CREATE TRIGGER list_deleted AFTER DELETE ON lastseen.kpi_ledger
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION lastseen.list_unpublished();
CREATE TRIGGER list_truncated AFTER TRUNCATE ON lastseen.kpi_ledger
  FOR EACH STATEMENT EXECUTE FUNCTION lastseen.list_unpublished();

-- The triggers keep other writers out until the end of this transaction.
INSERT INTO lastseen.unpublished (outbox, seq)
SELECT 'lastseen.inactivity_outbox', seq FROM lastseen.inactivity_outbox WHERE published_at IS NULL
UNION ALL SELECT 'lastseen.kpi_ledger', seq FROM lastseen.kpi_ledger WHERE published_at IS NULL;

-- Contraction: drop index inactivity_outbox_unpublished; slower without it, not wrong
-- Contraction: drop index kpi_ledger_unpublished; slower without it, not wrong
DROP INDEX lastseen.inactivity_outbox_unpublished, lastseen.kpi_ledger_unpublished;

-- Rows are marked a quarter of a page at a time; a quarter of each page is free for their new versions.
ALTER TABLE lastseen.inactivity_outbox SET (fillfactor = 75);
ALTER TABLE lastseen.kpi_ledger SET (fillfactor = 75);

-- Down Migration
ALTER TABLE lastseen.kpi_ledger SET (fillfactor = 80);
ALTER TABLE lastseen.inactivity_outbox SET (fillfactor = 80);
CREATE INDEX kpi_ledger_unpublished ON lastseen.kpi_ledger (seq) WHERE published_at IS NULL;
CREATE INDEX inactivity_outbox_unpublished ON lastseen.inactivity_outbox (seq) WHERE published_at IS NULL;
DROP FUNCTION lastseen.list_unpublished() CASCADE;
DROP TABLE lastseen.unpublished;
