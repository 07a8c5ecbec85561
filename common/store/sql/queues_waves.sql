-- The waves that are not over, by queue, and their age in seconds.
SELECT wave_no, queue, extract(epoch FROM now() - created_at)::bigint AS age_s
  FROM waves WHERE completed_at IS NULL ORDER BY wave_no
