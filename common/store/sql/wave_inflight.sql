-- What takes a slot of a wave: running and parked.
-- $1 wave_no
SELECT a.migration_id, w.version, w.state, w.batch_size, w.priority, w.queue, w.wave_no
  FROM under_way a JOIN waves w USING (wave_no)
 WHERE a.wave_no = $1::bigint AND a.state IN ('running', 'parked')
