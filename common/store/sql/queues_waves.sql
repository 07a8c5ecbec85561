-- The waves that are not over, by queue.
SELECT wave_no, queue FROM waves WHERE completed_at IS NULL ORDER BY wave_no
