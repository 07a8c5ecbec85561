-- Restarts one migration; act_lock_wave has locked its wave. Its attempt number, target and history
-- stay. An ended, stopped or ready wave runs again; a paused one stays paused. It is blocked again where
-- something that it depends on is not completed. Failures are counted anew from here.
-- $1 wave_id   $2 project   $3 params to be merged where the kind is remote (JSON or null)   $4 shard   $5 who
WITH w AS MATERIALIZED (
    SELECT *, wave_step('restart', state) AS becomes FROM waves WHERE wave_id = $1::text),
m AS MATERIALIZED (
    SELECT m.id, m.state, m.attempt, m.worker_id, m.started_at, m.finished_at
      FROM w JOIN migrations m USING (wave_no) WHERE m.project = $2::text),
judged AS MATERIALIZED (
    SELECT CASE
           WHEN m.id IS NULL THEN
               refuse('WF404', format('there is no migration "%s" in wave "%s"', $2::text, $1::text))
           WHEN m.state IN ('running', 'parked', 'blocked') THEN
               refuse('WF409', format('cannot restart "%s": it is %s', $2::text, m.state))
           WHEN m.state = 'pending' AND w.state <> 'ready' THEN
               refuse('WF409', format('cannot restart "%s": it is pending already', $2::text))
           WHEN cause.project IS NOT NULL THEN
               refuse('WF409', format('cannot restart "%s": it depends on "%s", which is %s', $2::text,
                                      cause.project, cause.state))
           ELSE true END AS ok
      FROM w LEFT JOIN m ON true
      LEFT JOIN LATERAL (
           SELECT o.project, o.state FROM dependencies d JOIN migrations o ON o.id = d.on_id
            WHERE w.has_dependencies AND d.migration_id = m.id AND o.state IN ('failed', 'cancelled')
            ORDER BY o.id LIMIT 1) cause ON true),
r AS (
    UPDATE migrations t
       SET state = CASE WHEN w.has_dependencies THEN first_state(t.id) ELSE 'pending' END, spent = 0, crashes = 0, memo = NULL, worker_id = NULL, started_at = NULL,
           finished_at = NULL, updated_at = now(), class = NULL, error = NULL,
           params = CASE WHEN $3::jsonb IS NULL OR (SELECT kind FROM w) <> 'remote' THEN t.params
                         ELSE coalesce(t.params, '{}') || $3::jsonb END
      FROM m, w, judged
     WHERE t.id = m.id AND judged.ok
    RETURNING t.id, t.wave_no, t.state, m.state AS was),
-- the attempt that completed it stays in the history
kept AS (
    INSERT INTO attempts_kept (migration_id, attempt, worker_id, started_at, finished_at, outcome)
    SELECT id, attempt, worker_id, started_at, finished_at, 'completed'
      FROM m CROSS JOIN judged WHERE judged.ok AND state = 'completed'
        ON CONFLICT (migration_id, attempt) DO NOTHING),
idle AS (DELETE FROM active a USING r WHERE a.migration_id = r.id),
risen AS (DELETE FROM dead d USING r WHERE d.migration_id = r.id),
counted AS (
    INSERT INTO wave_progress AS p (wave_no, shard, completed, failed, cancelled, blocked)
    SELECT wave_no, $4::smallint, -(was = 'completed')::int, -(was = 'failed')::int,
           -(was = 'cancelled')::int, (state = 'blocked')::int
      FROM r
        ON CONFLICT (wave_no, shard) DO UPDATE
       SET completed = p.completed + excluded.completed, failed = p.failed + excluded.failed,
           cancelled = p.cancelled + excluded.cancelled, blocked = p.blocked + excluded.blocked),
v AS (
    UPDATE waves t
       SET state = w.becomes, planned = false,
           failures_seen = (SELECT coalesce(sum(p.failed), 0) FROM wave_progress p WHERE p.wave_no = t.wave_no)
                           - (SELECT count(*) FROM r WHERE r.was = 'failed'),
           version = t.version + 1, run_no = t.run_no + (t.completed_at IS NOT NULL)::int,
           completed_at = NULL, updated_at = now(),
           note = CASE WHEN t.state = 'paused' THEN t.note END
      FROM w, judged
     WHERE t.wave_id = $1::text AND judged.ok
    RETURNING t.*),
l AS (
    INSERT INTO wave_logs (wave_no, line)
    SELECT wave_no, format('"%s" restarted%s', $2::text, ' by ' || nullif($5::text, '')) FROM v)
SELECT v.wave_no, v.version, v.state, v.batch_size, v.priority, v.queue,
       r.id, CASE WHEN r.was <> 'pending' AND r.state = 'pending' AND NOT coalesce(r.id >= v.gate_id, false)
                  THEN 'pending' END AS row_state,
       json_build_object('mb_project_uuid', $2::text, 'status', 'pending', 'was', r.was,
                         'message', 'restarted')::text AS data
  FROM v LEFT JOIN r ON true
