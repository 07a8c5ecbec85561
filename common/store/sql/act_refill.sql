-- The next pending migrations of a wave that are to be put into Redis.
-- $1 wave_no   $2 since: the time of the act that made them pending; null: all that are   $3 id after which to go on   $4 how many at most
SELECT m.id
  FROM migrations m
 WHERE m.id > $3::bigint AND m.id >= (SELECT first_id FROM waves WHERE wave_no = $1::bigint)
   AND m.id <= (SELECT last_id FROM waves WHERE wave_no = $1::bigint)
   AND m.wave_no + 0 = $1::bigint AND m.state = 'pending'
   AND ($2::timestamptz IS NULL OR m.updated_at = $2::timestamptz)
   AND m.id < (SELECT coalesce(gate_id, last_id + 1) FROM waves WHERE wave_no = $1::bigint)
 ORDER BY m.id
 LIMIT $4::int
