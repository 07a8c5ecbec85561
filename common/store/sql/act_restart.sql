-- Restarts one migration; act_lock_wave has locked its wave. Its attempt number, target and history
-- stay. An ended, stopped or ready wave runs again; a paused one stays paused.
-- $1 wave_id   $2 project   $3 params to be merged where the kind is remote (JSON or null)   $4 shard   $5 who
WITH w AS MATERIALIZED (
    SELECT * FROM waves WHERE wave_id = $1::text),
m AS MATERIALIZED (
    SELECT m.id, m.state FROM w JOIN migrations m USING (wave_no) WHERE m.project = $2::text),
judged AS MATERIALIZED (
    SELECT CASE
           WHEN m.id IS NULL THEN
               refuse('WF404', format('there is no migration "%s" in wave "%s"', $2::text, $1::text))
           WHEN w.state = 'planning' THEN refuse('WF409', 'cannot restart: the wave is planning')
           WHEN m.state IN ('running', 'parked', 'blocked') THEN
               refuse('WF409', format('cannot restart "%s": it is %s', $2::text, m.state))
           WHEN m.state = 'pending' AND w.state <> 'ready' THEN
               refuse('WF409', format('cannot restart "%s": it is pending already', $2::text))
           ELSE true END AS ok
      FROM w LEFT JOIN m ON true),
r AS (
    UPDATE migrations t
       SET state = 'pending', spent = 0, crashes = 0, memo = NULL, worker_id = NULL, started_at = NULL,
           finished_at = NULL, updated_at = now(), class = NULL, error = NULL,
           params = CASE WHEN $3::jsonb IS NULL OR (SELECT kind FROM w) <> 'remote' THEN t.params
                         ELSE coalesce(t.params, '{}') || $3::jsonb END
      FROM m, judged
     WHERE t.id = m.id AND judged.ok
    RETURNING t.id, t.wave_no, m.state AS was),
idle AS (DELETE FROM active a USING r WHERE a.migration_id = r.id),
risen AS (DELETE FROM dead d USING r WHERE d.migration_id = r.id),
counted AS (
    INSERT INTO wave_progress AS p (wave_no, shard, completed, failed, cancelled)
    SELECT wave_no, $4::smallint, -(was = 'completed')::int, -(was = 'failed')::int,
           -(was = 'cancelled')::int
      FROM r
        ON CONFLICT (wave_no, shard) DO UPDATE
       SET completed = p.completed + excluded.completed, failed = p.failed + excluded.failed,
           cancelled = p.cancelled + excluded.cancelled),
v AS (
    UPDATE waves t
       SET state = CASE WHEN t.state = 'paused' THEN 'paused' ELSE 'running' END::wave_state,
           version = t.version + 1, run_no = t.run_no + (t.completed_at IS NOT NULL)::int,
           completed_at = NULL, updated_at = now(),
           note = CASE WHEN t.state = 'paused' THEN t.note END
      FROM judged
     WHERE t.wave_id = $1::text AND judged.ok
    RETURNING t.*),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT wave_no, format('"%s" restarted%s', $2::text, ' by ' || nullif($5::text, '')) FROM v)
SELECT v.wave_no, v.version, v.state, v.batch_size, v.priority, v.queue,
       CASE WHEN r.was <> 'pending' THEN r.id END AS id, 'pending' AS row_state,
       json_build_object('mb_project_uuid', $2::text, 'status', 'pending', 'was', r.was,
                         'message', 'restarted')::text AS data
  FROM v LEFT JOIN r ON true
