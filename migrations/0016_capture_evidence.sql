-- Up Migration

-- What shows that capture never broke: which server, slot, publication and tables changes come from. Each look at the
-- source updates the current row (replaced_at IS NULL); a look that finds another identity inserts the next row.
CREATE TABLE lastseen.capture_evidence (
  evidence_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  evidence jsonb NOT NULL,
  first_seen_at timestamptz NOT NULL,
  last_seen_at timestamptz NOT NULL,
  replaced_at timestamptz
);
CREATE UNIQUE INDEX capture_evidence_current ON lastseen.capture_evidence ((true)) WHERE replaced_at IS NULL;

-- Changes may be missing from the topics since last_intact_at. While a row is open, no sweep is fresh.
CREATE TABLE lastseen.capture_break (
  break_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  changes text[] NOT NULL,
  -- An audit that compares all of them closes the row.
  sources text[] NOT NULL,
  last_intact_at timestamptz NOT NULL,
  found_at timestamptz NOT NULL,
  closed_at timestamptz,
  closed_by text,
  CHECK ((closed_at IS NULL) = (closed_by IS NULL))
);

-- Down Migration
DROP TABLE lastseen.capture_break;
DROP TABLE lastseen.capture_evidence;
