-- Up Migration

-- The newest as-of whose figures are in a weekly row. An older event, replayed or redelivered, does not overwrite them.
CREATE TABLE lastseen.kpi_watermark (
  user_id text COLLATE "C" NOT NULL,
  week_start date NOT NULL,
  as_of timestamptz NOT NULL,
  PRIMARY KEY (user_id, week_start)
) WITH (fillfactor = 80);

-- One row per inactivity event that was answered; also the outbox of the kpi-updated topic.
CREATE TABLE lastseen.kpi_ledger (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  cause_event_id uuid NOT NULL UNIQUE,
  user_id text COLLATE "C" NOT NULL,
  week_start date NOT NULL,
  as_of timestamptz NOT NULL,
  computed text NOT NULL CHECK (computed IN ('P_AND_S', 'ALL')),
  p double precision,
  s double precision,
  previous_p double precision,
  previous_s double precision,
  row_created boolean NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  published_at timestamptz
) WITH (fillfactor = 80);

CREATE INDEX kpi_ledger_user ON lastseen.kpi_ledger (user_id, as_of);
CREATE INDEX kpi_ledger_unpublished ON lastseen.kpi_ledger (seq) WHERE published_at IS NULL;

-- Down Migration
DROP TABLE lastseen.kpi_ledger;
DROP TABLE lastseen.kpi_watermark;
