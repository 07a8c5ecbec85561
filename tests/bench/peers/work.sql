-- The durable work of one job, $1: its row goes from pending to completed and its wave's counter rises.
WITH job AS (
    UPDATE peer_jobs SET state = 'completed', finished_at = clock_timestamp()
     WHERE id = $1 AND state = 'pending'
    RETURNING wave_no)
UPDATE peer_waves w SET completed = w.completed + 1
  FROM job WHERE w.wave_no = job.wave_no
