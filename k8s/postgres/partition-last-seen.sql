-- Splits `lastseen.user_last_seen` into hash partitions by learner, with the same rows, indexes and storage settings. Run
-- it once, after `lastseen migrate`. The number of partitions cannot be changed later:
--
--   psql "$ADMIN_DATABASE_URL" -v ON_ERROR_STOP=1 --single-transaction \
--     -c 'SET LOCAL lastseen.partitions = 16' -f partition-last-seen.sql -f roles.sql
--
-- It copies the rows, and all readers and writers of the table wait until it is done. roles.sql grants the rights on the
-- new table. If anything else depends on the old table, such as a view, it fails and changes nothing. See docs/scale.md.

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

  -- Storage settings: a partitioned table has none, and its partitions do not inherit any.
  SELECT 'WITH (' || array_to_string(reloptions, ', ') || ')' INTO storage
  FROM pg_class WHERE oid = 'lastseen.user_last_seen'::regclass;
  SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns
  FROM pg_attribute
  WHERE attrelid = 'lastseen.user_last_seen'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '';
  -- With the same names, so that later migrations find them. First the primary key, which is a constraint.
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

-- Autovacuum analyzes only the partitions.
ANALYZE lastseen.user_last_seen;
