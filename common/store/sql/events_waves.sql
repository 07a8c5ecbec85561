-- How far waves are, for the live events.
-- $1 bigint[] wave_nos
-- Answer: wave_no, JSON. Only remote migrations park.
SELECT w.wave_no,
       json_build_object(
           'id', w.wave_id, 'name', w.name,
           'status', CASE w.state WHEN 'planning' THEN 'pending' WHEN 'ready' THEN 'pending'
                                  WHEN 'running' THEN 'in_progress' ELSE w.state::text END,
           'state', w.state,
           'progress', json_build_object(
               'total', w.total, 'completed', p.completed, 'failed', p.failed, 'cancelled', p.cancelled,
               'blocked', p.blocked, 'running', p.in_flight - k.parked, 'parked', k.parked),
           'batch_size', w.batch_size, 'note', w.note, 'run_no', w.run_no,
           'updated_at', w.updated_at, 'completed_at', w.completed_at)::text
  FROM waves w
 CROSS JOIN LATERAL (
       SELECT coalesce(sum(completed), 0) AS completed, coalesce(sum(failed), 0) AS failed,
              coalesce(sum(cancelled), 0) AS cancelled, coalesce(sum(blocked), 0) AS blocked,
              coalesce(sum(claimed - released), 0) AS in_flight
         FROM wave_progress p WHERE p.wave_no = w.wave_no) p
 CROSS JOIN LATERAL (
       SELECT CASE WHEN w.kind = 'remote' AND p.in_flight > 0
                   THEN (SELECT count(*) FROM active a WHERE a.wave_no = w.wave_no AND a.state = 'parked')
                   ELSE 0 END AS parked) k
 WHERE w.wave_no = ANY ($1::bigint[])
