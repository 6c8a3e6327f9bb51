-- Up Migration

-- One row: the random id of this installation. Events carry it, so that two installations notice that they write to the same
-- topic.
CREATE TABLE lastseen.installation (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  installation_id uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO lastseen.installation DEFAULT VALUES;

-- Down Migration
DROP TABLE lastseen.installation;
