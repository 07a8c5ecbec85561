-- As claim_lock, for claims of many ids. A window is guarded by one claim of the wave at a time. Two kinds of waves
-- need no such guard, so that many workers claim of them at once:
-- passed: the transaction settles at least as many of it as are given (wavefleet.freed, told by settle, or by
-- slots_promise before), so no more of it run afterwards than before; its settlement has locked it against acts.
-- free: it is no larger than its window, and locked against acts only.
-- First those to be guarded, then the free ones, each ascending. What a wave is can change while its lock is waited
-- for: the claim is told which ones are locked and how, and how many ids of each are given, in settings of the
-- transaction, and looks at the wave again.
-- $1 bigint[] first ids and $2 bigint[] last ids of ranges, looked up as in claim_many   $3 worker_id
WITH me AS MATERIALIZED (
    SELECT worker_id FROM workers WHERE worker_id = $3::bigint AND alive FOR KEY SHARE),
given AS MATERIALIZED (
    SELECT m.wave_no, count(*) AS ids,
           count(*) <= coalesce(((SELECT nullif(current_setting('wavefleet.freed', true), '')::jsonb)
                                 ->> m.wave_no::text)::int, 0) AS passed
      FROM unnest($1::bigint[], $2::bigint[]) AS r (first, last)
     CROSS JOIN LATERAL (SELECT wave_no FROM migrations
                          WHERE id BETWEEN r.first AND r.last ORDER BY id LIMIT r.last - r.first + 1) m
     WHERE EXISTS (SELECT FROM me)
     GROUP BY m.wave_no),
guarded AS MATERIALIZED (
    SELECT w.* FROM waves w
     WHERE w.wave_no = ANY (ARRAY(SELECT wave_no FROM given WHERE NOT passed)) AND w.batch_size < w.total
     ORDER BY w.wave_no
       FOR NO KEY UPDATE OF w),
free AS MATERIALIZED (
    SELECT w.* FROM waves w
     WHERE w.wave_no = ANY (ARRAY(SELECT wave_no FROM given WHERE NOT passed)) AND w.batch_size >= w.total
       AND w.wave_no <> ALL (ARRAY(SELECT wave_no FROM guarded))
     ORDER BY w.wave_no
       FOR SHARE OF w),
passed AS MATERIALIZED (
    SELECT w.* FROM waves w WHERE w.wave_no = ANY (ARRAY(SELECT wave_no FROM given WHERE passed))),
told AS MATERIALIZED (
    SELECT set_config('wavefleet.guarded', ARRAY(SELECT wave_no FROM guarded UNION ALL SELECT wave_no FROM passed)::text, true),
           set_config('wavefleet.free', ARRAY(SELECT wave_no FROM free)::text, true),
           set_config('wavefleet.given', (SELECT json_object_agg(wave_no, ids)::text FROM given), true))
SELECT w.wave_no, w.wave_id, w.name, w.kind, w.params::text, w.state, w.version, w.batch_size,
       w.priority, w.queue, w.max_attempts, w.timeout_ms, w.workspace_id, w.workspace_name,
       w.mgr_manual, w.traceparent, (w.completed_at IS NOT NULL) AS ended,
       CASE WHEN w.kind = 'remote' THEN
           (SELECT json_object_agg(key, value)::text FROM settings
             WHERE key IN ('mb_site_id', 'mb_secret')) END AS stored
  FROM told CROSS JOIN (SELECT * FROM guarded UNION ALL SELECT * FROM free UNION ALL SELECT * FROM passed) w
