-- Second statement of reaping: the waves of what a worker runs, as a settlement locks them.
-- $1 worker_id
SELECT w.wave_no FROM waves w
 WHERE w.wave_no IN (SELECT a.wave_no FROM active a WHERE a.worker_id = $1::bigint)
 ORDER BY w.wave_no FOR KEY SHARE
