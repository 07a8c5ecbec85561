-- Pending ids of a wave, a piece at a time.
-- $1 wave_no   $2 after this id   $3 how many
SELECT m.id FROM migrations m JOIN waves w USING (wave_no)
 WHERE w.wave_no = $1::bigint AND m.wave_no = $1::bigint AND m.state = 'pending'
   AND m.id > $2::bigint AND m.id BETWEEN w.first_id AND w.last_id
   AND m.id < coalesce(w.gate_id, w.last_id + 1)
 ORDER BY m.id LIMIT $3::int
