-- The same for many jobs, $1 (bigint[]). The waves are locked in order: two batches never wait for each other.
WITH wave AS (
    SELECT w.wave_no FROM peer_waves w
     WHERE w.wave_no IN (SELECT j.wave_no FROM peer_jobs j WHERE j.id = ANY ($1::bigint[]))
     ORDER BY w.wave_no FOR NO KEY UPDATE),
job AS (
    UPDATE peer_jobs j SET state = 'completed', finished_at = clock_timestamp()
     WHERE j.id = ANY ($1::bigint[]) AND j.state = 'pending'
       AND j.wave_no IN (SELECT wave_no FROM wave)
    RETURNING j.wave_no)
UPDATE peer_waves w SET completed = w.completed + c.n
  FROM (SELECT wave_no, count(*) AS n FROM job GROUP BY wave_no) c
 WHERE w.wave_no = c.wave_no
