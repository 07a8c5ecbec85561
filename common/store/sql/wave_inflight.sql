-- What takes a slot of a wave: running and parked.
-- $1 wave_no
SELECT a.migration_id, w.version, w.state, w.batch_size, w.priority, w.queue, w.wave_no
  FROM waves w
 CROSS JOIN LATERAL (
       SELECT migration_id FROM active WHERE wave_no = w.wave_no AND state IN ('running', 'parked')
        UNION ALL
       SELECT m.id FROM claims c CROSS JOIN LATERAL claim_runs_within(c, w.first_id, w.last_id) m
        WHERE m.wave_no = w.wave_no AND NOT EXISTS (SELECT FROM active a WHERE a.migration_id = m.id)) a
 WHERE w.wave_no = $1::bigint
