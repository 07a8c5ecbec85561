-- The next migrations that an act has made pending, to be put into Redis.
-- $1 wave_no   $2 since: the time of the act   $3 id after which to go on   $4 how many at most
SELECT m.id
  FROM migrations m
 WHERE m.id > $3::bigint AND m.id >= (SELECT first_id FROM waves WHERE wave_no = $1::bigint)
   AND m.id <= (SELECT last_id FROM waves WHERE wave_no = $1::bigint)
   AND m.wave_no + 0 = $1::bigint AND m.state = 'pending' AND m.updated_at = $2::timestamptz
 ORDER BY m.id
 LIMIT $4::int
