-- How many migrations of a wave are in which state. What has ended and what is blocked is read from its
-- progress, what is under way as rows; the rest is pending.
-- $1 wave_id
-- Answer: JSON (no row: no such wave).
SELECT json_build_object(
           'total', w.total,
           'pending', w.total - p.ended - a.n, 'in_progress', a.n,
           'completed', p.completed, 'error', p.failed, 'cancelled', p.cancelled,
           'states', json_build_object(
               'blocked', p.blocked, 'pending', w.total - p.ended - a.n - p.blocked,
               'running', a.running, 'parked', a.parked, 'retrying', a.retrying,
               'completed', p.completed, 'failed', p.failed, 'cancelled', p.cancelled))::text
  FROM waves w
 CROSS JOIN LATERAL (
       SELECT coalesce(sum(completed), 0) AS completed, coalesce(sum(failed), 0) AS failed,
              coalesce(sum(cancelled), 0) AS cancelled, coalesce(sum(blocked), 0) AS blocked,
              coalesce(sum(completed + failed + cancelled), 0) AS ended
         FROM wave_progress p WHERE p.wave_no = w.wave_no) p
 CROSS JOIN LATERAL (
       SELECT count(*) AS n, count(*) FILTER (WHERE state = 'running') AS running,
              count(*) FILTER (WHERE state = 'parked') AS parked,
              count(*) FILTER (WHERE state = 'retrying') AS retrying
         FROM under_way WHERE wave_no = w.wave_no) a
 WHERE w.wave_id = $1::text
