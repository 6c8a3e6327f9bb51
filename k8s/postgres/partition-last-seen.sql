-- Makes `lastseen.user_last_seen` a table of hash partitions by learner, with the same rows, indexes and storage settings.
-- Once, in a database in which `lastseen migrate` has been run, with the number of partitions, which stays:
--
--   psql "$ADMIN_DATABASE_URL" -v ON_ERROR_STOP=1 --single-transaction \
--     -c 'SET LOCAL lastseen.partitions = 16' -f partition-last-seen.sql -f roles.sql
--
-- Rows are copied, while everybody who reads or writes the table waits; they go on by themselves, with the rights that
-- roles.sql gives them on the new table. Whatever else hangs on the old one, as a view does, is refused: nothing is then
-- changed. See docs/scale.md.

DO $partition$
DECLARE
  partitions int := current_setting('lastseen.partitions');
  storage text;
  columns text;
  indexes text[];
  index text;
BEGIN
  LOCK TABLE lastseen.user_last_seen IN ACCESS EXCLUSIVE MODE;
  IF (SELECT relkind FROM pg_class WHERE oid = 'lastseen.user_last_seen'::regclass) = 'p' THEN
    RAISE EXCEPTION 'lastseen.user_last_seen has partitions already';
  END IF;

  -- They are a table's own: a partitioned one has none, and its partitions do not inherit.
  SELECT 'WITH (' || array_to_string(reloptions, ', ') || ')' INTO storage
  FROM pg_class WHERE oid = 'lastseen.user_last_seen'::regclass;
  SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns
  FROM pg_attribute
  WHERE attrelid = 'lastseen.user_last_seen'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
  -- By their own names, so that a later migration finds them. The primary key first: it is the table's, not an index.
  SELECT array_agg(CASE WHEN c.oid IS NULL THEN pg_get_indexdef(indexrelid)
      ELSE format('ALTER TABLE lastseen.user_last_seen ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(c.oid))
    END ORDER BY c.oid) INTO indexes
  FROM pg_index LEFT JOIN pg_constraint c ON c.conindid = indexrelid AND c.conrelid = indrelid
  WHERE indrelid = 'lastseen.user_last_seen'::regclass;

  CREATE TABLE lastseen.user_last_seen_partitioned (LIKE lastseen.user_last_seen INCLUDING ALL EXCLUDING INDEXES)
    PARTITION BY HASH (student_id);
  FOR remainder IN 0 .. partitions - 1 LOOP
    EXECUTE format(
      'CREATE TABLE lastseen.user_last_seen_%1$s PARTITION OF lastseen.user_last_seen_partitioned '
      'FOR VALUES WITH (MODULUS %2$s, REMAINDER %1$s) %3$s',
      remainder, partitions, storage
    );
  END LOOP;
  EXECUTE format(
    'INSERT INTO lastseen.user_last_seen_partitioned (%1$s) SELECT %1$s FROM lastseen.user_last_seen', columns
  );
  DROP TABLE lastseen.user_last_seen;
  ALTER TABLE lastseen.user_last_seen_partitioned RENAME TO user_last_seen;
  FOREACH index IN ARRAY indexes LOOP
    EXECUTE index;
  END LOOP;
END
$partition$;

-- Autovacuum does so for the partitions alone.
ANALYZE lastseen.user_last_seen;
