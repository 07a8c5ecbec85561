-- First statement of a claim of few ids: locks the worker's row (a reaper waits, or has won; a renewal passes), then
-- the waves of the given ids in ascending order, and says what the worker must know of them. No row: the
-- worker is dead, or none of the ids exists.
-- $1 bigint[] ids   $2 worker_id
WITH me AS MATERIALIZED (
    SELECT worker_id FROM workers WHERE worker_id = $2::bigint AND alive FOR KEY SHARE)
SELECT w.wave_no, w.wave_id, w.name, w.kind, w.params::text, w.state, w.version, w.batch_size,
       w.priority, w.queue, w.max_attempts, w.timeout_ms, w.workspace_id, w.workspace_name,
       w.mgr_manual, w.traceparent, (w.completed_at IS NOT NULL) AS ended,
       CASE WHEN w.kind = 'remote' THEN
           (SELECT json_object_agg(key, value)::text FROM settings
             WHERE key IN ('mb_site_id', 'mb_secret')) END AS stored
  FROM waves w
 WHERE w.wave_no = ANY (ARRAY(SELECT m.wave_no FROM migrations m WHERE m.id = ANY ($1::bigint[])))
   AND EXISTS (SELECT FROM me)
 ORDER BY w.wave_no
   FOR NO KEY UPDATE OF w
