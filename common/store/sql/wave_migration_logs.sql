-- Log lines of a migration, oldest first, also while it runs.
-- $1 wave_id   $2 project   $3 id after which to go on   $4 attempt (0: all)   $5 how many at most
-- Answer: wave_no (no row: no such wave), migration id (null: no such), JSON, how many.
WITH m AS MATERIALIZED (
    SELECT w.wave_no, m.id
      FROM waves w LEFT JOIN migrations m ON m.wave_no = w.wave_no AND m.project = $2::text
     WHERE w.wave_id = $1::text),
l AS (
    SELECT id, attempt, at, stream, line FROM migration_logs
     WHERE migration_id = (SELECT id FROM m) AND id > $3::bigint
       AND ($4::int = 0 OR attempt = $4::int)
     ORDER BY id LIMIT $5::int)
SELECT m.wave_no, m.id, json_build_object(
           'logs', coalesce((SELECT json_agg(line ORDER BY id) FROM l), '[]'),
           'entries', coalesce((SELECT json_agg(json_build_object(
                                           'id', id, 'at', at, 'attempt', attempt, 'stream', stream,
                                           'line', line) ORDER BY id) FROM l), '[]'),
           'next_after', coalesce((SELECT max(id) FROM l), nullif($3::bigint, 0)))::text,
       (SELECT count(*) FROM l)
  FROM m
