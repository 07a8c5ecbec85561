-- The next migrations that an act has made pending, to be put into Redis.
-- $1 wave_no   $2 since: the time of the act   $3 id after which to go on   $4 how many at most
SELECT m.id
  FROM waves w
  JOIN migrations m ON m.id > $3::bigint AND m.id <= w.last_id AND m.wave_no + 0 = w.wave_no
 WHERE w.wave_no = $1::bigint AND m.state = 'pending' AND m.updated_at = $2::timestamptz
 ORDER BY m.id
 LIMIT $4::int
