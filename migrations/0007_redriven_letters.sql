-- Up Migration

-- A dead letter that was sent back. written_at is the letter's own Kafka timestamp: in a re-created topic the same offset
-- is another letter.
CREATE TABLE lastseen.redriven_letter (
  topic text NOT NULL,
  partition int NOT NULL,
  letter_offset bigint NOT NULL,
  written_at timestamptz NOT NULL,
  redriven_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (topic, partition, letter_offset, written_at)
);

-- Down Migration
DROP TABLE lastseen.redriven_letter;
