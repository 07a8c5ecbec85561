-- The waves that are not over, by queue, their age in seconds, and how many of their migrations are running or
-- parked.
SELECT w.wave_no, w.queue, extract(epoch FROM now() - w.created_at)::bigint AS age_s,
       (SELECT coalesce(sum(claimed - released), 0) FROM wave_progress p WHERE p.wave_no = w.wave_no)::bigint
  FROM waves w WHERE w.completed_at IS NULL ORDER BY w.wave_no
