-- As claim_lock, for claims of wide waves. The window is guarded by one claim at a time; a wave that is no
-- larger than its window needs no guard: it is locked against acts only, so that many workers claim of it
-- at once. First the former, then the latter,
-- each ascending. What a wave is can change while its lock is waited for: the claim is told which ones are
-- locked and how, in settings of the transaction, and looks at the wave again.
-- $1 bigint[] ids   $2 worker_id
WITH me AS MATERIALIZED (
    SELECT worker_id FROM workers WHERE worker_id = $2::bigint AND alive FOR KEY SHARE),
given AS MATERIALIZED (
    SELECT ARRAY(SELECT DISTINCT m.wave_no FROM migrations m WHERE m.id = ANY ($1::bigint[])) AS waves
     WHERE EXISTS (SELECT FROM me)),
guarded AS MATERIALIZED (
    SELECT w.* FROM waves w
     WHERE w.wave_no = ANY ((SELECT waves FROM given)::bigint[]) AND w.batch_size < w.total
     ORDER BY w.wave_no
       FOR NO KEY UPDATE OF w),
free AS MATERIALIZED (
    SELECT w.* FROM waves w
     WHERE w.wave_no = ANY ((SELECT waves FROM given)::bigint[]) AND w.batch_size >= w.total
       AND w.wave_no <> ALL (ARRAY(SELECT wave_no FROM guarded))
     ORDER BY w.wave_no
       FOR SHARE OF w),
told AS MATERIALIZED (
    SELECT set_config('wavefleet.guarded', ARRAY(SELECT wave_no FROM guarded)::text, true),
           set_config('wavefleet.free', ARRAY(SELECT wave_no FROM free)::text, true))
SELECT w.wave_no, w.wave_id, w.name, w.kind, w.params::text, w.state, w.version, w.batch_size,
       w.priority, w.queue, w.max_attempts, w.timeout_ms, w.workspace_id, w.workspace_name,
       w.mgr_manual, w.traceparent, (w.completed_at IS NOT NULL) AS ended,
       CASE WHEN w.kind = 'remote' THEN
           (SELECT json_object_agg(key, value)::text FROM settings
             WHERE key IN ('mb_site_id', 'mb_secret')) END AS stored,
       w.batch_size >= w.total AS wide
  FROM told CROSS JOIN (SELECT * FROM guarded UNION ALL SELECT * FROM free) w
