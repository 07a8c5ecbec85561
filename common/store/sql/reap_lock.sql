-- Second statement of reaping: the waves of what a worker runs, as a settlement locks them.
-- $1 worker_id
SELECT w.wave_no FROM waves w
 WHERE w.wave_no IN (SELECT u.wave_no FROM under_way u WHERE u.worker_id = $1::bigint)
 ORDER BY w.wave_no FOR KEY SHARE
