-- What happened to a wave, in sentences, oldest first.
-- $1 wave_id   $2 id after which to go on   $3 how many at most
-- Answer: wave_no (no row: no such wave), JSON, how many.
WITH l AS (
    SELECT id, at, line FROM wave_logs
     WHERE wave_no = (SELECT wave_no FROM waves WHERE wave_id = $1::text) AND id > $2::bigint
     ORDER BY id LIMIT $3::int)
SELECT w.wave_no, json_build_object(
           'logs', coalesce((SELECT json_agg(line ORDER BY id) FROM l), '[]'),
           'entries', coalesce((SELECT json_agg(json_build_object('id', id, 'at', at, 'line', line)
                                                ORDER BY id) FROM l), '[]'),
           'next_after', coalesce((SELECT max(id) FROM l), nullif($2::bigint, 0)))::text,
       (SELECT count(*) FROM l)
  FROM waves w
 WHERE w.wave_id = $1::text
